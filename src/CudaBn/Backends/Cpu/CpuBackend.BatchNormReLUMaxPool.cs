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

// A chunk is a channel, so that its second sweep finds in the caches what the first has read. The normalized values are
// compared, not the inputs, so that ties fall as in the chain of the three operators.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void BatchNormReLUMaxPoolForward(in BatchNormReLUMaxPoolForwardArgs args)
    {
        // As batch norm by itself gathers them, so that fused layers give the same to the last bit.
        var slices = new ChannelSlices(InOnePiece(args.Geometry));
        var finish = new FinishStatistics(
            args.Gamma, args.Beta, args.Epsilon, args.Running, args.Mean, args.InvStd);
        var job = new FusedForwardJob(
            this, args.Geometry, slices, args.Pool, finish, Data(args.Input), _shared.Get<Moments>(slices.Count),
            Data(args.Output), (byte*)args.ArgMax.Address);
        _pool.Run(ref job, args.Geometry.Channels);
    }

    public override void BatchNormReLUMaxPoolBackward(in BatchNormReLUMaxPoolBackwardArgs args)
    {
        var g = args.Geometry;
        var finish = new FinishGradients(
            g, args.Gamma, args.Mean, args.InvStd, args.GradGamma, args.GradBeta);
        var map = new UnpoolMap(args.Pool, _packed);
        var job = new FusedBackwardJob(
            g, args.Pool, map, finish, Data(args.Input), (byte*)args.ArgMax.Address, Data(args.GradOutput),
            DataOrNull(args.GradInput));
        _pool.Run(ref job, g.Channels);
    }

    public override void BatchNormFrozenReLUMaxPoolForward(in BatchNormFrozenReLUMaxPoolForwardArgs args)
    {
        var g = args.Geometry;
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        var constants = Constants(g, DataOrNull(args.Gamma), DataOrNull(args.Beta), means, means + g.Channels);
        var job = new FusedFrozenForwardJob(
            this, g, args.Pool, constants, Data(args.Input), Data(args.Output), PlaneChunks(Planes(g), g.Spatial));
        _pool.Run(ref job, job.Chunks);
    }

    private readonly struct FusedForwardJob(
        CpuOperators<TSimd, TVector, T> operators, BatchNormGeometry g, ChannelSlices slices, MaxPool2dGeometry pool,
        FinishStatistics finish, T* input, Moments* moments, T* output, byte* argMax) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            var constants = finish.Run(chunk, MomentsOfChannel(slices, chunk, input, moments));
            var outputs = (long)pool.OutHeight * pool.OutWidth;
            for (var plane = (long)chunk; plane < Planes(g); plane += g.Channels)
            {
                operators.FusedPlane(
                    worker, pool, input + plane * g.Spatial, constants, output + plane * outputs,
                    argMax + plane * outputs);
            }
        }
    }

    /// <summary>A chunk is a share of the planes, in the order of memory.</summary>
    private readonly struct FusedFrozenForwardJob(
        CpuOperators<TSimd, TVector, T> operators, BatchNormGeometry g, MaxPool2dGeometry pool,
        NormalizeConstants* constants, T* input, T* output, int chunks) : IChunkJob
    {
        public int Chunks => chunks;

        public void Run(int chunk, int worker)
        {
            var outputs = (long)pool.OutHeight * pool.OutWidth;
            var end = (chunk + 1L) * Planes(g) / chunks;
            for (var plane = chunk * Planes(g) / chunks; plane < end; plane++)
            {
                operators.FusedPlane(
                    worker, pool, input + plane * g.Spatial, constants[plane % g.Channels], output + plane * outputs,
                    places: null);
            }
        }
    }

    /// <summary>Normalizes, rectifies and pools a plane; where <paramref name="places"/> is not null, writes which place
    /// of each window won.</summary>
    private void FusedPlane(
        int worker, MaxPool2dGeometry pool, T* source, NormalizeConstants constants, T* destination, byte* places)
    {
        // Rows of few windows leave most of a register empty.
        if (2 * pool.OutWidth <= TSimd.Count && pool.OutHeight * pool.OutWidth >= TSimd.Count)
        {
            FusedNarrowPlane(_perWorker[worker], pool, source, constants, destination, places);
            return;
        }

        var wholeRows = WholeRows(pool.OutHeight, pool.OutWidth, TSimd.Count);
        FusedRows<WholeStores>(pool, source, constants, destination, places, 0, wholeRows);
        FusedRows<EndingStores>(pool, source, constants, destination, places, wholeRows, pool.OutHeight);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FusedRows<TStores>(
        MaxPool2dGeometry pool, T* source, NormalizeConstants c, T* destination, byte* places, int firstRow, int endRow)
        where TStores : struct, IRowStores
    {
        var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
        var outputs = (long)pool.OutHeight * pool.OutWidth;
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
                TStores.Store(best, destination + row + x, destination, destination + outputs, pool.OutWidth - x);
                if (places != null)
                    TStores.StoreBytes(place, places + row + x, places, places + outputs, pool.OutWidth - x);
            }
        }
    }

    /// <summary><see cref="FusedRows"/> for planes of few columns: the four values of each window are first laid side by
    /// side in four rows as long as the output, which then fill their registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FusedNarrowPlane(
        ScratchMemory scratch, MaxPool2dGeometry pool, T* source, NormalizeConstants c, T* destination, byte* places)
    {
        var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
        int outputs = pool.OutHeight * pool.OutWidth, step = 2 * TSimd.Count;
        // Whole registers are stored: each row's excess is overwritten by the next row.
        var evens = scratch.Get<T>(2L * (2 * outputs + step) + 4L * (outputs + step));
        var odds = evens + 2 * outputs + step;
        T* first = odds + 2 * outputs + step, second = first + outputs + step;
        T* third = second + outputs + step, fourth = third + outputs + step;
        for (var i = 0; i < 4 * outputs; i += step)
        {
            TSimd.Deinterleave(
                Normalized(source + i, mean, scale, shift), Normalized(source + i + TSimd.Count, mean, scale, shift),
                out var even, out var odd);
            TSimd.Store(even, evens + i / 2);
            TSimd.Store(odd, odds + i / 2);
        }

        for (var row = 0; row < outputs; row += pool.OutWidth)
        {
            TSimd.Store(TSimd.Load(evens + 2 * row), first + row);
            TSimd.Store(TSimd.Load(odds + 2 * row), second + row);
            TSimd.Store(TSimd.Load(evens + 2 * row + pool.OutWidth), third + row);
            TSimd.Store(TSimd.Load(odds + 2 * row + pool.OutWidth), fourth + row);
        }

        for (var i = 0; i < outputs; i += TSimd.Count)
        {
            // The last register is pulled back to end with the plane, over windows done already.
            var at = Math.Min(i, outputs - TSimd.Count);
            var best = TSimd.Load(first + at);
            var place = RectifiedMaximumOf(
                ref best, TSimd.Load(second + at), TSimd.Load(third + at), TSimd.Load(fourth + at));
            TSimd.Store(best, destination + at);
            if (places != null)
                TSimd.StoreBytes(place, places + at);
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

    private readonly struct FusedBackwardJob(
        BatchNormGeometry g, MaxPool2dGeometry pool, UnpoolMap map, FinishGradients finish, T* input, byte* argMax,
        T* gradOutput, T* gradInput) : IChunkJob
    {
        private readonly long _outputs = (long)pool.OutHeight * pool.OutWidth;

        // Two rows of the input for each of the output.
        private readonly int _wholeRows = WholeRows(2 * pool.OutHeight, pool.InWidth, BlockLanes) / 2;

        public void Run(int chunk, int worker)
        {
            var (mean, rest) = Split(finish.Mean(chunk));
            double sum = 0, product = 0;
            for (var plane = (long)chunk; plane < Planes(g); plane += g.Channels)
            {
                T* source = input + plane * g.Spatial, gradients = gradOutput + plane * _outputs;
                var places = argMax + plane * _outputs;
                product += map.Registers > 0
                    ? ReduceFlat(source, places, gradients, mean, out var planeSum)
                    : ReduceRows(source, places, gradients, mean, out planeSum);
                sum += planeSum;
            }

            var constants = finish.Run(chunk, new GradientSums(sum, product - rest * sum));
            for (var plane = (long)chunk; gradInput != null && plane < Planes(g); plane += g.Channels)
            {
                T* source = input + plane * g.Spatial, gradients = gradOutput + plane * _outputs;
                var places = argMax + plane * _outputs;
                if (map.Registers > 0)
                    SpreadFlat(source, places, gradients, constants, gradInput + plane * g.Spatial);
                else
                {
                    var destination = gradInput + plane * g.Spatial;
                    SpreadRows<WholeStores>(source, places, gradients, constants, destination, 0, _wholeRows);
                    SpreadRows<EndingStores>(
                        source, places, gradients, constants, destination, _wholeRows, pool.OutHeight);
                }
            }
        }

        /// <summary>sum dy * (x - mean), and sum dy, over the places of a plane that won.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private double ReduceRows(T* source, byte* places, T* gradients, T mean, out double sum)
        {
            var means = TSimd.Create(mean);
            var (one, two, three) = (Number(1), Number(2), Number(3));
            TVector sums = TSimd.Zero, products = TSimd.Zero;
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

            sum = double.CreateTruncating(TSimd.Sum(sums));
            return double.CreateTruncating(TSimd.Sum(products));
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void SpreadRows<TStores>(
            T* source, byte* places, T* gradients, InputGradientConstants c, T* destination, int firstRow, int endRow)
            where TStores : struct, IRowStores
        {
            var (mean, invStd) = (TSimd.Create(c.Mean), TSimd.Create(c.InvStd));
            var (shift, slope, scale) = (TSimd.Create(c.Offset), TSimd.Create(c.Slope), TSimd.Create(c.Scale));
            var planeEnd = destination + g.Spatial;
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

        /// <summary><see cref="ReduceRows"/> over the plane as one row.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private double ReduceFlat(T* source, byte* places, T* gradients, T mean, out double sum)
        {
            var means = TSimd.Create(mean);
            TVector sums = TSimd.Zero, products = TSimd.Zero;
            var nextPlane = source + g.Channels * g.Spatial;
            for (var i = 0; i < map.Registers; i++)
            {
                Prefetch(nextPlane + map.Start(i));
                var gradient = map.GradientOf(i, places, gradients, map.Counted(i));
                sums = TSimd.Add(sums, gradient);
                products = TSimd.MultiplyAdd(
                    gradient, TSimd.Subtract(TSimd.Load(source + map.Start(i)), means), products);
            }

            sum = double.CreateTruncating(TSimd.Sum(sums));
            return double.CreateTruncating(TSimd.Sum(products));
        }

        /// <summary><see cref="SpreadRows"/> over the plane as one row.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void SpreadFlat(T* source, byte* places, T* gradients, InputGradientConstants c, T* destination)
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

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TVector Number(int value) => TSimd.Create(T.CreateTruncating(value));
    }

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
