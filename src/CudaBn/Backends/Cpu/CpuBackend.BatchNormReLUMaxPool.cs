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
                Data(args.Output), (byte*)args.ArgMax.Address);
            _pool.Run(ref job, job.Chunks);
        }
    }

    public override void BatchNormReLUMaxPoolBackward(in BatchNormReLUMaxPoolBackwardArgs args)
    {
        var g = args.Geometry;
        var finish = new FinishGradients(
            g, args.Gamma, args.Mean, args.InvStd, args.GradGamma, args.GradBeta);
        var map = new UnpoolMap(args.Pool, _packed);
        var constants = _constants.Get<InputGradientConstants>(g.Channels);
        foreach (var (first, count) in new ChannelGroups(g, ChannelGroupBytes / sizeof(T)))
        {
            var slices = new ChannelSlices(g, first, count, wholePlanes: true);
            var partials = _shared.Get<GradientSums>(slices.Count);
            var reduce = new FusedReduceJob(
                this, slices, args.Pool, map, Data(args.Input), (byte*)args.ArgMax.Address, Data(args.GradOutput),
                (double*)args.Mean.Address, partials);
            _pool.Run(ref reduce, slices.BlockCount);
            for (var channel = 0; channel < count; channel++)
                constants[first + channel] = finish.Run(first + channel, SumSlices(slices, channel, partials));
            if (args.GradInput is null)
                continue;
            var job = new FusedInputGradientJob(
                new ChannelPlanes(g, first, count, wholePlanes: true), args.Pool, map, constants, Data(args.Input),
                (byte*)args.ArgMax.Address, Data(args.GradOutput), Data(args.GradInput));
            _pool.Run(ref job, job.Chunks);
        }
    }

    public override void BatchNormFrozenReLUMaxPoolForward(in BatchNormFrozenReLUMaxPoolForwardArgs args)
    {
        var g = args.Geometry;
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        var constants = Constants(g, DataOrNull(args.Gamma), DataOrNull(args.Beta), means, means + g.Channels);
        var job = new FusedForwardJob(
            this, new ChannelPlanes(g, 0, g.Channels, wholePlanes: true), args.Pool, constants, Data(args.Input),
            Data(args.Output), argMax: null);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>Normalizes, rectifies and pools planes; where <paramref name="argMax"/> is not null, writes which place of
    /// each window won.</summary>
    private readonly struct FusedForwardJob(
        CpuOperators<TSimd, TVector, T> operators, ChannelPlanes planes, PoolGeometry pool,
        NormalizeConstants* constants, T* input, T* output, byte* argMax) : IChunkJob
    {
        /// <summary>Elements of narrow planes taken together: so many that what is stored has left the processor's queue
        /// of stores when it is loaded again, in other pieces, and so few that it is still in the first-level
        /// cache.</summary>
        private const int NarrowElements = 1024;

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
                T* source = input + parts.Offset, destination = output + parts.Plane * _outputs;
                var places = argMax == null ? null : argMax + parts.Plane * _outputs;
                var c = constants + parts.Channel;
                var wholeRows = parts.IsFollowed && _outputs >= TSimd.Count ? pool.OutHeight : _wholeRows;
                FusedRows<WholeStores>(source, in *c, destination, places, 0, wholeRows);
                if (wholeRows < pool.OutHeight)
                    FusedRows<EndingStores>(source, in *c, destination, places, wholeRows, pool.OutHeight);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void FusedRows<TStores>(
            T* source, in NormalizeConstants c, T* destination, byte* places, int firstRow, int endRow)
            where TStores : struct, IRowStores
        {
            var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
            for (var y = firstRow; y < endRow; y++)
            {
                T* top = source + 2L * y * pool.InWidth, bottom = top + pool.InWidth;
                var row = (long)y * pool.OutWidth;
                for (var x = 0; x < pool.OutWidth; x += TSimd.Count)
                {
                    TSimd.Deinterleave(
                        Normalized(top + 2 * x, mean, scale, shift),
                        Normalized(top + 2 * x + TSimd.Count, mean, scale, shift),
                        out var best, out var second);
                    TSimd.Deinterleave(
                        Normalized(bottom + 2 * x, mean, scale, shift),
                        Normalized(bottom + 2 * x + TSimd.Count, mean, scale, shift),
                        out var third, out var fourth);
                    var place = RectifiedMaximumOf(ref best, second, third, fourth);
                    TStores.Store(best, destination + row + x, destination, destination + _outputs, pool.OutWidth - x);
                    if (places != null)
                        TStores.StoreBytes(place, places + row + x, places, places + _outputs, pool.OutWidth - x);
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
                    SplitColumns(input + ahead.Offset, in constants[ahead.Channel], evens + at, odds + at);
                }

                if (count == 0)
                    return;
                SplitRows(evens, odds, count * _outputs, corners, step);
                for (var i = 0; i < count; i++)
                {
                    parts.MoveNext();
                    PoolCorners(
                        corners + i * _outputs, step, output + parts.Plane * _outputs,
                        argMax == null ? null : argMax + parts.Plane * _outputs);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void SplitColumns(T* source, in NormalizeConstants c, T* evens, T* odds)
        {
            var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
            for (var i = 0; i < 2 * _outputs; i += TSimd.Count)
            {
                TSimd.Deinterleave(
                    Normalized(source + 2 * i, mean, scale, shift),
                    Normalized(source + 2 * i + TSimd.Count, mean, scale, shift), out var even, out var odd);
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
        private void PoolCorners(T* corners, int step, T* destination, byte* places)
        {
            T* second = corners + step, third = second + step, fourth = third + step;
            for (var i = 0; i < _outputs; i += TSimd.Count)
            {
                // The last register is pulled back to end with the plane, over windows done already.
                var at = Math.Min(i, _outputs - TSimd.Count);
                var best = TSimd.Load(corners + at);
                var place = RectifiedMaximumOf(
                    ref best, TSimd.Load(second + at), TSimd.Load(third + at), TSimd.Load(fourth + at));
                TSimd.Store(best, destination + at);
                if (places != null)
                    TSimd.StoreBytes(place, places + at);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Normalized(T* x, TVector mean, TVector scale, TVector shift) =>
        TSimd.MultiplyAdd(TSimd.Subtract(TSimd.Load(x), mean), scale, shift);

    /// <summary><see cref="MaximumOf"/>, rectified; the place is <see cref="BatchNormReLUMaxPoolForwardArgs.Rectified"/>
    /// where that made it 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector RectifiedMaximumOf(ref TVector best, TVector second, TVector third, TVector fourth)
    {
        var place = MaximumOf(ref best, second, third, fourth);
        var kept = TSimd.NotLessOrEqual(best, TSimd.Zero);
        best = TSimd.And(kept, best);
        return TSimd.Select(
            kept, place, TSimd.Create(T.CreateTruncating(BatchNormReLUMaxPoolForwardArgs.Rectified)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Number(int value) => TSimd.Create(T.CreateTruncating(value));
}
