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
        var slices = new ChannelSlices(args.Geometry);
        var finish = new FinishStatistics(
            args.Gamma, args.Beta, args.Epsilon, args.Running, args.Mean, args.InvStd);
        var job = new FusedForwardJob(
            slices, args.Pool, finish, Data(args.Input), _shared.Get<Moments>(slices.Count), Data(args.Output),
            (byte*)args.ArgMax.Address);
        _pool.Run(ref job, args.Geometry.Channels);
    }

    public override void BatchNormReLUMaxPoolBackward(in BatchNormReLUMaxPoolBackwardArgs args)
    {
        var g = args.Geometry;
        var finish = new FinishGradients(
            g, args.Gamma, args.Mean, args.InvStd, args.GradGamma, args.GradBeta);
        var job = new FusedBackwardJob(
            g, args.Pool, finish, Data(args.Input), (byte*)args.ArgMax.Address, Data(args.GradOutput),
            DataOrNull(args.GradInput));
        _pool.Run(ref job, g.Channels);
    }

    public override void BatchNormFrozenReLUMaxPoolForward(in BatchNormFrozenReLUMaxPoolForwardArgs args)
    {
        var g = args.Geometry;
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        var constants = Constants(g, DataOrNull(args.Gamma), DataOrNull(args.Beta), means, means + g.Channels);
        var job = new FusedFrozenForwardJob(
            g, args.Pool, constants, Data(args.Input), Data(args.Output), PlaneChunks(Planes(g), g.Spatial));
        _pool.Run(ref job, job.Chunks);
    }

    private readonly struct FusedForwardJob(
        ChannelSlices slices, MaxPool2dGeometry pool, FinishStatistics finish, T* input, Moments* moments, T* output,
        byte* argMax) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            var constants = finish.Run(chunk, MomentsOfChannel(slices, chunk, input, moments));
            var g = slices.Geometry;
            var outputs = (long)pool.OutHeight * pool.OutWidth;
            for (var plane = (long)chunk; plane < Planes(g); plane += g.Channels)
            {
                FusedPlane(
                    pool, input + plane * g.Spatial, constants, output + plane * outputs, argMax + plane * outputs);
            }
        }
    }

    /// <summary>A chunk is a share of the planes, in the order of memory.</summary>
    private readonly struct FusedFrozenForwardJob(
        BatchNormGeometry g, MaxPool2dGeometry pool, NormalizeConstants* constants, T* input, T* output, int chunks)
        : IChunkJob
    {
        public int Chunks => chunks;

        public void Run(int chunk, int worker)
        {
            var outputs = (long)pool.OutHeight * pool.OutWidth;
            var end = (chunk + 1L) * Planes(g) / chunks;
            for (var plane = chunk * Planes(g) / chunks; plane < end; plane++)
            {
                FusedPlane(
                    pool, input + plane * g.Spatial, constants[plane % g.Channels], output + plane * outputs,
                    places: null);
            }
        }
    }

    /// <summary>Normalizes, rectifies and pools a plane; where <paramref name="places"/> is not null, writes which place
    /// of each window won.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FusedPlane(
        MaxPool2dGeometry pool, T* source, NormalizeConstants c, T* destination, byte* places)
    {
        var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
        var rectified = TSimd.Create(T.CreateTruncating(BatchNormReLUMaxPoolForwardArgs.Rectified));
        var outputs = (long)pool.OutHeight * pool.OutWidth;
        for (var y = 0; y < pool.OutHeight; y++)
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
                var place = MaximumOf(ref best, second, third, fourth);
                var kept = TSimd.Or(TSimd.GreaterThan(best, TSimd.Zero), TSimd.IsNaN(best));
                StoreWithin(
                    TSimd.And(kept, best), destination + row + x, destination + outputs, pool.OutWidth - x);
                if (places != null)
                {
                    StoreBytesWithin(
                        TSimd.Select(kept, place, rectified), places + row + x, places + outputs, pool.OutWidth - x);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Normalized(T* x, TVector mean, TVector scale, TVector shift) =>
        TSimd.MultiplyAdd(TSimd.Subtract(TSimd.Load(x), mean), scale, shift);

    private readonly struct FusedBackwardJob(
        BatchNormGeometry g, MaxPool2dGeometry pool, FinishGradients finish, T* input, byte* argMax, T* gradOutput,
        T* gradInput) : IChunkJob
    {
        private readonly long _outputs = (long)pool.OutHeight * pool.OutWidth;

        public void Run(int chunk, int worker)
        {
            var (mean, rest) = Split(finish.Mean(chunk));
            double sum = 0, product = 0;
            for (var plane = (long)chunk; plane < Planes(g); plane += g.Channels)
            {
                product += Reduce(
                    input + plane * g.Spatial, argMax + plane * _outputs, gradOutput + plane * _outputs, mean,
                    out var planeSum);
                sum += planeSum;
            }

            var constants = finish.Run(chunk, new GradientSums(sum, product - rest * sum));
            for (var plane = (long)chunk; gradInput != null && plane < Planes(g); plane += g.Channels)
            {
                Spread(
                    input + plane * g.Spatial, argMax + plane * _outputs, gradOutput + plane * _outputs, constants,
                    gradInput + plane * g.Spatial);
            }
        }

        /// <summary>sum dy * (x - mean), and sum dy, over the places of a plane that won.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private double Reduce(T* source, byte* places, T* gradients, T mean, out double sum)
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
        private void Spread(T* source, byte* places, T* gradients, InputGradientConstants c, T* destination)
        {
            var (mean, invStd) = (TSimd.Create(c.Mean), TSimd.Create(c.InvStd));
            var (shift, slope, scale) = (TSimd.Create(c.Offset), TSimd.Create(c.Slope), TSimd.Create(c.Scale));
            var planeEnd = destination + g.Spatial;
            for (var y = 0; y < pool.OutHeight; y++)
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
                        StoreWithin(
                            InputGradient(TSimd.Load(source + at), low, mean, invStd, shift, slope, scale),
                            destination + at, planeEnd, pool.InWidth - 2 * x);
                        StoreWithin(
                            InputGradient(TSimd.Load(source + at + TSimd.Count), high, mean, invStd, shift, slope, scale),
                            destination + at + TSimd.Count, planeEnd, pool.InWidth - 2 * x - TSimd.Count);
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TVector Number(int value) => TSimd.Create(T.CreateTruncating(value));
    }
}
