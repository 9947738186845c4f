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
        foreach (var (first, count) in new ChannelGroups(g, ThirdLevelBytes / sizeof(T)))
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
        foreach (var (first, count) in new ChannelGroups(g, ThirdLevelBytes / sizeof(T)))
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
        CpuOperators<TSimd, TVector, T> operators, ChannelPlanes planes, MaxPool2dGeometry pool,
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

    /// <summary>sum dy and sum dy * (x - mean) in progress, over the places that won.</summary>
    private struct WinnerSums
    {
        public TVector Gradient;
        public TVector Product;
    }

    /// <summary>A chunk is a block of slices.</summary>
    private readonly struct FusedReduceJob(
        CpuOperators<TSimd, TVector, T> operators, ChannelSlices slices, MaxPool2dGeometry pool, UnpoolMap map, T* input,
        byte* argMax, T* gradOutput, double* means, GradientSums* partials) : IChunkJob
    {
        private readonly long _spatial = (long)pool.InHeight * pool.InWidth;
        private readonly long _outputs = (long)pool.OutHeight * pool.OutWidth;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int chunk, int worker)
        {
            var block = slices.BlockAt(chunk);
            var sums = operators._perWorker[worker].Get<WinnerSums>(block.Channels);
            new Span<WinnerSums>(sums, block.Channels).Clear();
            var runs = block.Runs();
            while (runs.MoveNext())
            {
                // Slices end with planes, so every run is one.
                var plane = runs.Offset / _spatial;
                for (var channel = 0; channel < block.Channels; channel++, plane++)
                {
                    var mean = Split(means[block.FirstChannel + channel]).High;
                    T* source = input + plane * _spatial, gradients = gradOutput + plane * _outputs;
                    var places = argMax + plane * _outputs;
                    if (map.Registers > 0)
                        ReduceFlat(source, places, gradients, mean, sums + channel);
                    else
                        ReduceRows(source, places, gradients, mean, sums + channel);
                }
            }

            for (var channel = 0; channel < block.Channels; channel++)
            {
                var rest = Split(means[block.FirstChannel + channel]).Low;
                var sum = double.CreateTruncating(TSimd.Sum(sums[channel].Gradient));
                var product = double.CreateTruncating(TSimd.Sum(sums[channel].Product));
                partials[block.Slice(channel)] = new GradientSums(sum, product - rest * sum);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void ReduceRows(T* source, byte* places, T* gradients, T mean, WinnerSums* winners)
        {
            var means = TSimd.Create(mean);
            var (one, two, three) = (Number(1), Number(2), Number(3));
            TVector sums = winners->Gradient, products = winners->Product;
            for (var y = 0; y < pool.OutHeight; y++)
            {
                T* top = source + 2L * y * pool.InWidth, bottom = top + pool.InWidth;
                var row = (long)y * pool.OutWidth;
                for (var x = 0; x < pool.OutWidth; x += TSimd.Count)
                {
                    TSimd.Deinterleave(
                        TSimd.Load(top + 2 * x), TSimd.Load(top + 2 * x + TSimd.Count), out var winner, out var b);
                    TSimd.Deinterleave(
                        TSimd.Load(bottom + 2 * x), TSimd.Load(bottom + 2 * x + TSimd.Count), out var c, out var d);
                    var place = TSimd.LoadBytes(places + row + x);
                    winner = TSimd.Select(TSimd.Equal(place, one), b, winner);
                    winner = TSimd.Select(TSimd.Equal(place, two), c, winner);
                    winner = TSimd.Select(TSimd.Equal(place, three), d, winner);
                    // The places that won, of those inside the row.
                    var counted = TSimd.AndNot(FirstLanes(pool.OutWidth - x), TSimd.GreaterThan(place, three));
                    var gradient = TSimd.And(counted, TSimd.Load(gradients + row + x));
                    var deviation = TSimd.And(counted, TSimd.Subtract(winner, means));
                    sums = TSimd.Add(sums, gradient);
                    products = TSimd.MultiplyAdd(gradient, deviation, products);
                }
            }

            (winners->Gradient, winners->Product) = (sums, products);
        }

        /// <summary><see cref="ReduceRows"/> over the plane as one row.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void ReduceFlat(T* source, byte* places, T* gradients, T mean, WinnerSums* winners)
        {
            var means = TSimd.Create(mean);
            TVector sums = winners->Gradient, products = winners->Product;
            for (var i = 0; i < map.Registers; i++)
            {
                var gradient = map.GradientOf(i, places, gradients, map.Counted(i));
                sums = TSimd.Add(sums, gradient);
                products = TSimd.MultiplyAdd(
                    gradient, TSimd.Subtract(TSimd.Load(source + map.Start(i)), means), products);
            }

            (winners->Gradient, winners->Product) = (sums, products);
        }
    }

    /// <summary>A chunk is some planes.</summary>
    private readonly struct FusedInputGradientJob(
        ChannelPlanes planes, MaxPool2dGeometry pool, UnpoolMap map, InputGradientConstants* constants, T* input,
        byte* argMax, T* gradOutput, T* gradInput) : IChunkJob
    {
        private readonly long _outputs = (long)pool.OutHeight * pool.OutWidth;

        // Two rows of the input for each of the output.
        private readonly int _wholeRows = WholeRows(2 * pool.OutHeight, pool.InWidth, BlockLanes) / 2;

        public int Chunks => planes.Count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int chunk, int worker)
        {
            var parts = planes.Planes(chunk);
            while (parts.MoveNext())
            {
                T* source = input + parts.Offset, destination = gradInput + parts.Offset;
                var gradients = gradOutput + parts.Plane * _outputs;
                var places = argMax + parts.Plane * _outputs;
                var c = constants + parts.Channel;
                if (map.Registers > 0)
                {
                    SpreadFlat(source, places, gradients, in *c, destination);
                    continue;
                }

                var wholeRows = parts.IsFollowed && parts.Length >= BlockLanes ? pool.OutHeight : _wholeRows;
                SpreadRows<WholeStores>(source, places, gradients, in *c, destination, 0, wholeRows);
                if (wholeRows < pool.OutHeight)
                    SpreadRows<EndingStores>(source, places, gradients, in *c, destination, wholeRows, pool.OutHeight);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void SpreadRows<TStores>(
            T* source, byte* places, T* gradients, in InputGradientConstants c, T* destination, int firstRow, int endRow)
            where TStores : struct, IRowStores
        {
            var (mean, invStd) = (TSimd.Create(c.Mean), TSimd.Create(c.InvStd));
            var (shift, slope, scale) = (TSimd.Create(c.Offset), TSimd.Create(c.Slope), TSimd.Create(c.Scale));
            var planeEnd = destination + (long)pool.InHeight * pool.InWidth;
            for (var y = firstRow; y < endRow; y++)
            {
                // Row by row: what is written past the end of a row is overwritten by the next one.
                for (var lower = 0; lower < 2; lower++)
                {
                    var offset = (2L * y + lower) * pool.InWidth;
                    var (left, right) = (Number(2 * lower), Number(2 * lower + 1));
                    for (var x = 0; x < pool.OutWidth; x += TSimd.Count)
                    {
                        var gradient = TSimd.Load(gradients + (long)y * pool.OutWidth + x);
                        var place = TSimd.LoadBytes(places + (long)y * pool.OutWidth + x);
                        TSimd.Interleave(
                            TSimd.And(TSimd.Equal(place, left), gradient),
                            TSimd.And(TSimd.Equal(place, right), gradient),
                            out var low, out var high);
                        var at = offset + 2 * x;
                        TStores.Store(
                            InputGradient(TSimd.Load(source + at), low, mean, invStd, shift, slope, scale),
                            destination + at, destination, planeEnd, pool.InWidth - 2 * x);
                        TStores.Store(
                            InputGradient(TSimd.Load(source + at + TSimd.Count), high, mean, invStd, shift, slope, scale),
                            destination + at + TSimd.Count, destination, planeEnd, pool.InWidth - 2 * x - TSimd.Count);
                    }
                }
            }
        }

        /// <summary><see cref="SpreadRows"/> over the plane as one row.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void SpreadFlat(T* source, byte* places, T* gradients, in InputGradientConstants c, T* destination)
        {
            var (mean, invStd) = (TSimd.Create(c.Mean), TSimd.Create(c.InvStd));
            var (shift, slope, scale) = (TSimd.Create(c.Offset), TSimd.Create(c.Slope), TSimd.Create(c.Scale));
            for (var i = 0; i < map.Registers; i++)
            {
                var gradient = map.GradientOf(i, places, gradients, map.Codes(i));
                var at = map.Start(i);
                TSimd.Store(
                    InputGradient(TSimd.Load(source + at), gradient, mean, invStd, shift, slope, scale),
                    destination + at);
            }
        }

    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Number(int value) => TSimd.Create(T.CreateTruncating(value));

    /// <summary>For every register of a plane taken as one row: which window each lane lies in, and at which place of
    /// it. Planes of a few columns then fill their registers, which their rows would not.</summary>
    private readonly struct UnpoolMap
    {
        // What no window holds: for lanes of the last register that the one before has counted.
        private const int Nowhere = 200;

        private readonly long _length;
        private readonly int* _firstWindow;
        private readonly TVector* _windows;
        private readonly TVector* _codes;

        public UnpoolMap(MaxPool2dGeometry pool, ScratchMemory memory)
        {
            _length = (long)pool.InHeight * pool.InWidth;
            var count = TSimd.Count;
            // 16 windows of a row fill a register anyway; a plane smaller than a register has no whole one.
            if (count == 1 || pool.OutWidth > count || _length < count)
                return;
            var registers = (int)CeilDiv(_length, count);
            _windows = memory.Get<TVector>(2L * registers + 1 + CeilDiv(registers, count));
            _codes = _windows + registers;
            _firstWindow = (int*)(_codes + registers + 1);
            var windows = stackalloc int[count];
            var codes = stackalloc T[count];
            for (var i = 0; i < registers; i++)
            {
                var first = int.MaxValue;
                for (var lane = 0; lane < count; lane++)
                {
                    var (row, column) = Math.DivRem((int)Start(i) + lane, pool.InWidth);
                    windows[lane] = row / 2 * pool.OutWidth + column / 2;
                    codes[lane] = T.CreateTruncating(row % 2 * 2 + column % 2);
                    first = Math.Min(first, windows[lane]);
                }

                for (var lane = 0; lane < count; lane++)
                {
                    windows[lane] -= first;
                    if (windows[lane] >= count)
                        return;
                }

                _firstWindow[i] = first;
                _windows[i] = TSimd.CreateIndices(windows);
                _codes[i] = TSimd.Load(codes);
            }

            for (var lane = 0; lane < (long)registers * count - _length; lane++)
                codes[lane] = T.CreateTruncating(Nowhere);
            _codes[registers] = TSimd.Load(codes);
            Registers = registers;
        }

        /// <summary>The registers of a plane; 0 where a plane is to be taken row by row.</summary>
        public int Registers { get; }

        /// <summary>The first element of a register; the last one is pulled back to end with the plane.</summary>
        public long Start(int register) => Math.Min((long)register * TSimd.Count, _length - TSimd.Count);

        /// <summary>The place of each lane in its window.</summary>
        public TVector Codes(int register) => _codes[register];

        /// <summary>The same, without the lanes that an earlier register has too.</summary>
        public TVector Counted(int register) => _codes[register == Registers - 1 ? Registers : register];

        /// <summary>The gradient of each lane that won its window, 0 elsewhere.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector GradientOf(int register, byte* places, T* gradients, TVector codes)
        {
            var first = _firstWindow[register];
            var windows = _windows[register];
            var won = TSimd.Equal(TSimd.Permute(TSimd.LoadBytes(places + first), windows), codes);
            return TSimd.And(won, TSimd.Permute(TSimd.Load(gradients + first), windows));
        }
    }
}
