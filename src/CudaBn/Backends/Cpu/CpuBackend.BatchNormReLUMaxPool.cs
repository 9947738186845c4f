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
                this, new ChannelPlanes(g, first, count, wholePlanes: true), args.Pool, constants, Data(args.Input),
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
        var slices = new ChannelSlices(winners, 0, g.Channels);
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
            this, new ChannelPlanes(g, 0, g.Channels, wholePlanes: true), args.Pool, constants, Data(args.Input),
            Data(args.Output), argMax: null, winners: null);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>Normalizes, rectifies and pools planes; where <paramref name="argMax"/> is not null, writes which place of
    /// each window won, and what stood there.</summary>
    private readonly struct FusedForwardJob(
        CpuOperators<TSimd, TVector, T> operators, ChannelPlanes planes, PoolGeometry pool,
        NormalizeConstants* constants, T* input, T* output, byte* argMax, T* winners) : IChunkJob
    {
        /// <summary>Elements of narrow planes taken together: so many that what is stored has left the processor's queue
        /// of stores when it is loaded again, in other pieces, and so few that it is still in the first-level
        /// cache.</summary>
        private const int NarrowElements = 1024;

        private readonly bool _saves = argMax != null;
        private readonly int _outputs = pool.OutHeight * pool.OutWidth;
        private readonly int _wholeRows = WholeRows(pool.OutHeight, pool.OutWidth, TSimd.Count);

        public int Chunks => planes.Count;

        // Rows of few windows leave most of a register empty.
        private bool IsNarrow => 2 * pool.OutWidth <= TSimd.Count && _outputs >= TSimd.Count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int chunk, int worker)
        {
            var parts = planes.Planes(chunk);
            if (IsNarrow)
            {
                RunNarrow(parts, operators._perWorker[worker]);
                return;
            }

            while (parts.MoveNext())
            {
                var source = input + parts.Offset;
                var first = parts.Plane * _outputs;
                var c = constants + parts.Channel;
                var wholeRows = parts.IsFollowed && _outputs >= TSimd.Count ? pool.OutHeight : _wholeRows;
                if (pool.OutWidth <= TSimd.Count)
                    ShortRows(source, in *c, first, wholeRows);
                else
                    FusedRows<WholeStores>(source, in *c, first, 0, wholeRows);
                if (wholeRows < pool.OutHeight)
                    FusedRows<EndingStores>(source, in *c, first, wholeRows, pool.OutHeight);
            }
        }

        /// <summary>Rows of a plane whose first window is a given one of all.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

        /// <summary><see cref="FusedRows"/> for planes of few columns: the four values of each window are first laid side
        /// by side in four rows as long as the output, which then fill their registers.</summary>
        private void RunNarrow(ChannelPlanes.PlaneEnumerator parts, ScratchMemory scratch)
        {
            var batch = Math.Max(1, NarrowElements / (4 * _outputs));
            // Whole registers are stored: each row's excess is overwritten by the next row.
            int step = batch * _outputs + 2 * TSimd.Count;
            var evens = scratch.Get<T>(8L * step);
            T* odds = evens + 2 * step, corners = odds + 2 * step;
            var ahead = parts;
            while (true)
            {
                var count = 0;
                for (; count < batch && ahead.MoveNext(); count++)
                {
                    var at = 2 * count * _outputs;
                    SplitColumns(input + ahead.Offset, evens + at, odds + at);
                }

                if (count == 0)
                    return;
                SplitRows(evens, odds, count * _outputs, corners, step);
                for (var i = 0; i < count; i++)
                {
                    parts.MoveNext();
                    PoolCorners(corners + i * _outputs, step, in constants[parts.Channel], parts.Plane * _outputs);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void SplitColumns(T* source, T* evens, T* odds)
        {
            for (var i = 0; i < 2 * _outputs; i += TSimd.Count)
            {
                TSimd.Deinterleave(
                    TSimd.Load(source + 2 * i), TSimd.Load(source + 2 * i + TSimd.Count), out var even, out var odd);
                TSimd.Store(even, evens + i);
                TSimd.Store(odd, odds + i);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void SplitRows(T* evens, T* odds, int outputs, T* corners, int step)
        {
            T* second = corners + step, third = second + step, fourth = third + step;
            for (var row = 0; row < outputs; row += pool.OutWidth)
            {
                TSimd.Store(TSimd.Load(evens + 2 * row), corners + row);
                TSimd.Store(TSimd.Load(odds + 2 * row), second + row);
                TSimd.Store(TSimd.Load(evens + 2 * row + pool.OutWidth), third + row);
                TSimd.Store(TSimd.Load(odds + 2 * row + pool.OutWidth), fourth + row);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void PoolCorners(T* corners, int step, in NormalizeConstants c, long first)
        {
            var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
            T* second = corners + step, third = second + step, fourth = third + step;
            for (var i = 0; i < _outputs; i += TSimd.Count)
            {
                // The last register is pulled back to end with the plane, over windows done already.
                var at = Math.Min(i, _outputs - TSimd.Count);
                var winner = TSimd.Load(corners + at);
                var best = RectifiedMaximumOf(
                    ref winner, TSimd.Load(second + at), TSimd.Load(third + at), TSimd.Load(fourth + at), mean, scale, shift,
                    out var place);
                TSimd.Store(best, output + first + at);
                if (_saves)
                {
                    TSimd.StoreBytes(place, argMax + first + at);
                    TSimd.Store(winner, winners + first + at);
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
