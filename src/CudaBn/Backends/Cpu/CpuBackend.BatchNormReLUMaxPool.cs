using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void BatchNormReLUMaxPoolForward(in BatchNormReLUMaxPoolForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).BatchNormReLUMaxPoolForward(in args);
    }

    /// <inheritdoc/>
    public override void BatchNormReLUMaxPoolBackward(in BatchNormReLUMaxPoolBackwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).BatchNormReLUMaxPoolBackward(in args);
    }

    /// <inheritdoc/>
    public override void BatchNormFrozenReLUMaxPoolForward(in BatchNormFrozenReLUMaxPoolForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).BatchNormFrozenReLUMaxPoolForward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void BatchNormReLUMaxPoolForward(in BatchNormReLUMaxPoolForwardArgs args);

    public abstract void BatchNormReLUMaxPoolBackward(in BatchNormReLUMaxPoolBackwardArgs args);

    public abstract void BatchNormFrozenReLUMaxPoolForward(in BatchNormFrozenReLUMaxPoolForwardArgs args);
}

// Two sweeps, as batch norm by itself. The normalized values are compared, not the inputs, so that ties fall as in the
// chain of the three operators.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void BatchNormReLUMaxPoolForward(in BatchNormReLUMaxPoolForwardArgs args)
    {
        var g = args.Geometry;
        var finish = new FinishStatistics(
            args.Gamma, args.Beta, args.Epsilon, args.Running, args.Mean, args.InvStd);
        var constants = _constants.Get<NormalizeConstants>(g.Channels);
        foreach (var (first, count) in new ChannelGroups(g, ChannelGroupBytes / sizeof(T)))
        {
            // As batch norm by itself gathers them, so that fused layers give the same to the last bit.
            ComputeStatistics(InOnePiece(g), first, count, Data(args.Input), finish, constants);
            var job = new FusedForwardJob(
                new ChannelPlanes(g, first, count, wholePlanes: true), args.Pool, constants, Data(args.Input),
                Data(args.Output), (byte*)args.ArgMax.Address, Data(args.Winners));
            _pool.Run(ref job, job.Chunks);
        }
    }

    public override void BatchNormReLUMaxPoolBackward(in BatchNormReLUMaxPoolBackwardArgs args)
    {
        var g = args.Geometry;
        var finish = new FinishGradients(
            g, args.Gamma, args.Mean, args.InvStd, args.GradGamma, args.GradBeta);
        // No gradient reaches an input that did not win: the sums are those of a normalization and rectifier of the winners.
        var winners = InOnePiece(args.WinnersGeometry);
        var means = (double*)args.Mean.Address;
        var forwards = RectifiedConstants(g, args.Gamma, args.Beta, means, (double*)args.InvStd.Address);
        var constants = (InputGradientConstants*)(forwards + g.Channels);
        var slices = SlicesOf(winners, 0, g.Channels);
        var partials = ReduceRectified(
            slices, winners, Data(args.Winners), kept: default, Data(args.GradOutput), means, forwards);
        for (var channel = 0; channel < g.Channels; channel++)
            constants[channel] = finish.Run(channel, SumSlices(slices, channel, partials));
        if (args.GradInput is null)
            return;
        var job = new FusedInputGradientJob(
            new ChannelPlanes(g, 0, g.Channels, wholePlanes: true), args.Pool, new UnpoolMap(args.Pool, _packed), constants,
            Data(args.Input), (byte*)args.ArgMax.Address, Data(args.GradOutput), Data(args.GradInput));
        _pool.Run(ref job, job.Chunks);
    }

    public override void BatchNormFrozenReLUMaxPoolForward(in BatchNormFrozenReLUMaxPoolForwardArgs args)
    {
        var g = args.Geometry;
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        var constants = Constants(g, DataOrNull(args.Gamma), DataOrNull(args.Beta), means, means + g.Channels);
        var job = new FusedForwardJob(
            new ChannelPlanes(g, 0, g.Channels, wholePlanes: true), args.Pool, constants, Data(args.Input),
            Data(args.Output), argMax: null, winners: null);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>Normalizes, rectifies and pools planes; where <paramref name="argMax"/> is not null, writes which place of
    /// each window won, and what stood there.</summary>
    private readonly struct FusedForwardJob(
        ChannelPlanes planes, PoolGeometry pool, NormalizeConstants* constants, T* input, T* output, byte* argMax,
        T* winners) : IChunkJob
    {
        private readonly bool _saves = argMax != null;
        private readonly int _outputs = pool.OutHeight * pool.OutWidth;
        private readonly int _wholeRows = WholeRows(pool.OutHeight, pool.OutWidth, TSimd.Count);
        private readonly ShortPairRows _shortRows = new(pool.OutWidth);

        public int Chunks => planes.Count;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var parts = planes.Planes(chunk);
            var inShortRows = _shortRows.Fit(pool.OutHeight);
            while (parts.MoveNext())
            {
                var source = input + parts.Offset;
                var first = parts.Plane * _outputs;
                var c = constants + parts.Channel;
                var wholeRows = parts.IsFollowed && _outputs >= TSimd.Count ? pool.OutHeight : _wholeRows;
                if (inShortRows)
                    ShortPairs(source, in *c, first, wholeRows);
                else if (pool.OutWidth <= TSimd.Count)
                    ShortRows(source, in *c, first, wholeRows);
                else
                    FusedRows<WholeStores>(source, in *c, first, 0, wholeRows);
                if (wholeRows < pool.OutHeight)
                    FusedRows<EndingStores>(source, in *c, first, wholeRows, pool.OutHeight);
            }
        }

        /// <summary>Rows of a plane whose first window is a given one of all.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void FusedRows<TStores>(T* source, in NormalizeConstants c, long first, int firstRow, int endRow)
            where TStores : struct, IRowStores
        {
            var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
            long end = first + _outputs;
            for (var y = firstRow; y < endRow; y++)
            {
                T* top = source + 2L * y * pool.InWidth, bottom = top + pool.InWidth;
                for (var x = 0; x < pool.OutWidth; x += TSimd.Count)
                {
                    TSimd.Deinterleave(
                        TSimd.Load(top + 2 * x), TSimd.Load(top + 2 * x + TSimd.Count), out var winner, out var second);
                    TSimd.Deinterleave(
                        TSimd.Load(bottom + 2 * x), TSimd.Load(bottom + 2 * x + TSimd.Count), out var third, out var fourth);
                    var best = RectifiedMaximumOf(
                        ref winner, second, third, fourth, mean, scale, shift, out var place);
                    var at = first + (long)y * pool.OutWidth + x;
                    TStores.Store(best, output + at, output + first, output + end, pool.OutWidth - x);
                    if (_saves)
                    {
                        TStores.StoreBytes(place, argMax + at, argMax + first, argMax + end, pool.OutWidth - x);
                        TStores.Store(winner, winners + at, winners + first, winners + end, pool.OutWidth - x);
                    }
                }
            }
        }

        /// <summary><see cref="FusedRows"/>, whole, where each fits a register: nothing but the rows is counted.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void ShortRows(T* source, in NormalizeConstants c, long first, int rows)
        {
            var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
            nint width = pool.InWidth, outWidth = pool.OutWidth;
            T* outputs = output + first, won = winners + first;
            var places = argMax + first;
            for (; rows > 0; rows--)
            {
                TSimd.Deinterleave(TSimd.Load(source), TSimd.Load(source + TSimd.Count), out var winner, out var second);
                source += width;
                TSimd.Deinterleave(TSimd.Load(source), TSimd.Load(source + TSimd.Count), out var third, out var fourth);
                source += width;
                TSimd.Store(
                    RectifiedMaximumOf(ref winner, second, third, fourth, mean, scale, shift, out var place), outputs);
                outputs += outWidth;
                if (_saves)
                {
                    TSimd.StoreBytes(place, places);
                    TSimd.Store(winner, won);
                    places += outWidth;
                    won += outWidth;
                }
            }
        }

        /// <summary><see cref="FusedRows"/>, whole, several rows at a time.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void ShortPairs(T* source, in NormalizeConstants c, long first, int wholeRows)
        {
            var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
            var shortRows = _shortRows;
            for (var y = 0; y < wholeRows; y += shortRows.Rows)
            {
                var offset = (long)Math.Min(y, pool.OutHeight - shortRows.Rows) * pool.OutWidth;
                shortRows.Load(source + 4 * offset, out var winner, out var second, out var third, out var fourth);
                var best = RectifiedMaximumOf(ref winner, second, third, fourth, mean, scale, shift, out var place);
                TSimd.Store(best, output + first + offset);
                if (_saves)
                {
                    TSimd.StoreBytes(place, argMax + first + offset);
                    TSimd.Store(winner, winners + first + offset);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Normalized(TVector x, TVector mean, TVector scale, TVector shift) =>
        TSimd.MultiplyAdd(TSimd.Subtract(x, mean), scale, shift);

    /// <summary>The maximum of what four values are normalized to, lane by lane, rectified.</summary>
    /// <param name="winner">The first; becomes the one that won.</param>
    /// <param name="second">The second.</param>
    /// <param name="third">The third.</param>
    /// <param name="fourth">The fourth.</param>
    /// <param name="mean">Subtracted.</param>
    /// <param name="scale">Multiplied by.</param>
    /// <param name="shift">Added.</param>
    /// <param name="place">Which of the four it was, or <see cref="BatchNormReLUMaxPoolForwardArgs.Rectified"/> where the
    /// rectifier made it 0.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector RectifiedMaximumOf(
        ref TVector winner, TVector second, TVector third, TVector fourth, TVector mean, TVector scale, TVector shift,
        out TVector place)
    {
        var best = Normalized(winner, mean, scale, shift);
        place = TSimd.Zero;
        Select(Take(Normalized(second, mean, scale, shift), Number(1), ref best, ref place), second, ref winner);
        Select(Take(Normalized(third, mean, scale, shift), Number(2), ref best, ref place), third, ref winner);
        Select(Take(Normalized(fourth, mean, scale, shift), Number(3), ref best, ref place), fourth, ref winner);
        var kept = TSimd.NotLessOrEqual(best, TSimd.Zero);
        place = TSimd.Select(kept, place, Number(BatchNormReLUMaxPoolForwardArgs.Rectified));
        return TSimd.And(kept, best);

        static void Select(TVector wins, TVector value, ref TVector winner) => winner = TSimd.Select(wins, value, winner);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Number(int value) => TSimd.Create(T.CreateTruncating(value));
}
