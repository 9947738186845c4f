using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void BatchNormForward(in BatchNormForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).BatchNormForward(in args);
    }

    /// <inheritdoc/>
    public override void BatchNormBackward(in BatchNormBackwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).BatchNormBackward(in args);
    }

    /// <inheritdoc/>
    public override void BatchNormFrozenForward(in BatchNormFrozenForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).BatchNormFrozenForward(in args);
    }

    /// <inheritdoc/>
    public override void BatchNormFrozenBackward(in BatchNormFrozenBackwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).BatchNormFrozenBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void BatchNormForward(in BatchNormForwardArgs args);

    public abstract void BatchNormBackward(in BatchNormBackwardArgs args);

    public abstract void BatchNormFrozenForward(in BatchNormFrozenForwardArgs args);

    public abstract void BatchNormFrozenBackward(in BatchNormFrozenBackwardArgs args);
}

// Statistics are gathered slice by slice, around an origin near the slice's mean, and the slices are merged in double
// precision. A slice whose first values tell little of its mean is swept once more while the caches hold it. The mean is
// kept as a high part of the element type and the low rest, so that x - mean loses nothing where the mean is far from
// zero.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void BatchNormForward(in BatchNormForwardArgs args)
    {
        var g = InOnePiece(args.Geometry);
        var slices = new ChannelSlices(g);
        var moments = _shared.Get<Moments>(slices.Count);
        var finish = new FinishStatistics(
            args.Gamma, args.Beta, args.Epsilon, args.Running, args.Mean, args.InvStd);
        if (g.Channels >= _pool.Workers)
        {
            var whole = new ForwardJob(slices, finish, Data(args.Input), moments, Data(args.Output));
            _pool.Run(ref whole, g.Channels);
            return;
        }

        var gather = new MomentsJob(slices, Data(args.Input), moments);
        _pool.Run(ref gather, slices.Count);
        var constants = _constants.Get<NormalizeConstants>(g.Channels);
        for (var channel = 0; channel < g.Channels; channel++)
            constants[channel] = finish.Run(channel, MergeSlices(slices, channel, moments));
        RunNormalize(g, Data(args.Input), constants, Data(args.Output));
    }

    public override void BatchNormBackward(in BatchNormBackwardArgs args)
    {
        var g = InOnePiece(args.Geometry);
        var slices = new ChannelSlices(g);
        var partials = _shared.Get<GradientSums>(slices.Count);
        var finish = new FinishGradients(
            g, args.Gamma, args.Mean, args.InvStd, args.GradGamma, args.GradBeta);
        T* input = Data(args.Input), gradOutput = Data(args.GradOutput), gradInput = DataOrNull(args.GradInput);
        if (g.Channels >= _pool.Workers)
        {
            var whole = new BackwardJob(slices, finish, input, gradOutput, partials, gradInput);
            _pool.Run(ref whole, g.Channels);
            return;
        }

        var reduce = new ReduceGradientsJob(slices, input, gradOutput, (double*)args.Mean.Address, partials);
        _pool.Run(ref reduce, slices.Count);
        var constants = _constants.Get<InputGradientConstants>(g.Channels);
        for (var channel = 0; channel < g.Channels; channel++)
            constants[channel] = finish.Run(channel, SumSlices(slices, channel, partials));
        if (gradInput == null)
            return;
        var job = new InputGradientJob(g, input, gradOutput, constants, gradInput, NormalizeChunks(g));
        _pool.Run(ref job, job.Chunks);
    }

    public override void BatchNormFrozenForward(in BatchNormFrozenForwardArgs args)
    {
        var g = InOnePiece(args.Geometry);
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        Normalize(
            g, Data(args.Input), DataOrNull(args.Gamma), DataOrNull(args.Beta), means, means + g.Channels,
            Data(args.Output));
    }

    public override void BatchNormFrozenBackward(in BatchNormFrozenBackwardArgs args)
    {
        var g = InOnePiece(args.Geometry);
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        var invStds = means + g.Channels;
        if (args.GradGamma is not null || args.GradBeta is not null)
        {
            var slices = new ChannelSlices(g);
            var partials = _shared.Get<GradientSums>(slices.Count);
            var reduce = new ReduceGradientsJob(slices, Data(args.Input), Data(args.GradOutput), means, partials);
            _pool.Run(ref reduce, slices.Count);
            for (var channel = 0; channel < g.Channels; channel++)
            {
                var sums = SumSlices(slices, channel, partials);
                StoreGradients(args.GradGamma, args.GradBeta, channel, sums.Gradient, sums.Product * invStds[channel]);
            }
        }

        if (args.GradInput is { } gradInput)
        {
            // y is a line in x, so its gradient is the slope: a normalization of gradOutput with mean and beta of 0.
            new Span<double>(means, g.Channels).Clear();
            Normalize(g, Data(args.GradOutput), DataOrNull(args.Gamma), null, means, invStds, Data(gradInput));
        }
    }

    /// <summary>The values of an only channel lie one after the other, however short its planes are.</summary>
    private static BatchNormGeometry InOnePiece(BatchNormGeometry g) =>
        g.Channels == 1 ? new BatchNormGeometry(1, 1, g.ValuesPerChannel) : g;

    /// <summary>How far ahead of a channel's planes to ask for memory, in elements: the next plane, or one further on
    /// where planes are so short that they are done before memory answers.</summary>
    private static long PrefetchDistance(BatchNormGeometry g) =>
        Math.Clamp(512 / g.Spatial, 1, 8) * g.Channels * g.Spatial;

    private static int NormalizeChunks(BatchNormGeometry g) =>
        g.Channels == 1 ? ElementChunks(g.Spatial) : PlaneChunks(Planes(g), g.Spatial);

    private static long Planes(BatchNormGeometry g) => (long)g.Batch * g.Channels;

    /// <summary>The weight of this batch in the running statistics; counts the batch.</summary>
    private static double NextMomentum(RunningStatistics running)
    {
        var batches = ++*(long*)running.BatchesTracked.Address;
        return running.Momentum ?? 1.0 / batches;
    }

    private static void Blend(T* running, double batch, double momentum) =>
        *running = T.CreateTruncating((1 - momentum) * double.CreateTruncating(*running) + momentum * batch);

    /// <summary>value = high + rest, high being of the element type.</summary>
    private static (T High, double Low) Split(double value)
    {
        var high = T.CreateTruncating(value);
        return (high, value - double.CreateTruncating(high));
    }

    private static void StoreGradients(
        Tensor? gradGamma, Tensor? gradBeta, int channel, double gradient, double product)
    {
        if (gradBeta is not null)
            Data(gradBeta)[channel] = T.CreateTruncating(gradient);
        if (gradGamma is not null)
            Data(gradGamma)[channel] = T.CreateTruncating(product);
    }

    private static Moments MergeSlices(ChannelSlices slices, int channel, Moments* moments)
    {
        var total = default(Moments);
        for (var i = 0; i < slices.PerChannel; i++)
            total = total.Merge(moments[channel * slices.PerChannel + i]);
        return total;
    }

    private static Moments MomentsOfChannel(ChannelSlices slices, int channel, T* input, Moments* moments)
    {
        var gather = new MomentsJob(slices, input, moments);
        for (var i = 0; i < slices.PerChannel; i++)
            gather.Run(channel * slices.PerChannel + i, worker: 0);
        return MergeSlices(slices, channel, moments);
    }

    private static GradientSums SumSlices(ChannelSlices slices, int channel, GradientSums* partials)
    {
        var total = default(GradientSums);
        for (var i = 0; i < slices.PerChannel; i++)
        {
            var slice = partials[channel * slices.PerChannel + i];
            total = new GradientSums(total.Gradient + slice.Gradient, total.Product + slice.Product);
        }

        return total;
    }

    /// <summary>The means of all channels, then the inverse deviations of all.</summary>
    private double* FrozenStatistics(BatchNormGeometry g, Tensor mean, Tensor variance, double epsilon)
    {
        var statistics = _packed.Get<double>(2L * g.Channels);
        for (var channel = 0; channel < g.Channels; channel++)
        {
            statistics[channel] = double.CreateTruncating(Data(mean)[channel]);
            statistics[g.Channels + channel] =
                1 / Math.Sqrt(double.CreateTruncating(Data(variance)[channel]) + epsilon);
        }

        return statistics;
    }

    /// <summary>output = gamma * (input - mean) * invStd + beta, channel by channel.</summary>
    private void Normalize(
        BatchNormGeometry g, T* input, T* gamma, T* beta, double* means, double* invStds, T* output) =>
        RunNormalize(g, input, Constants(g, gamma, beta, means, invStds), output);

    private NormalizeConstants* Constants(BatchNormGeometry g, T* gamma, T* beta, double* means, double* invStds)
    {
        var constants = _constants.Get<NormalizeConstants>(g.Channels);
        for (var channel = 0; channel < g.Channels; channel++)
            constants[channel] = ConstantsOf(gamma, beta, channel, means[channel], invStds[channel]);
        return constants;
    }

    private void RunNormalize(BatchNormGeometry g, T* input, NormalizeConstants* constants, T* output)
    {
        var job = new NormalizeJob(g, input, constants, output, NormalizeChunks(g));
        _pool.Run(ref job, job.Chunks);
    }

    private static NormalizeConstants ConstantsOf(T* gamma, T* beta, int channel, double mean, double invStd)
    {
        var scale = invStd * (gamma == null ? 1 : double.CreateTruncating(gamma[channel]));
        var (high, rest) = Split(mean);
        return new NormalizeConstants(
            high,
            T.CreateTruncating(scale),
            T.CreateTruncating((beta == null ? 0 : double.CreateTruncating(beta[channel])) - rest * scale));
    }

    /// <summary>sum dy, and sum dy * (x - mean).</summary>
    private readonly record struct GradientSums(double Gradient, double Product);

    private readonly record struct NormalizeConstants(T Mean, T Scale, T Shift);

    private readonly record struct InputGradientConstants(T Mean, T InvStd, T Offset, T Slope, T Scale);

    /// <summary>What follows from the moments of a channel: saved and running statistics. Making one counts the
    /// batch.</summary>
    private readonly struct FinishStatistics(
        Tensor? gamma, Tensor? beta, double epsilon, RunningStatistics? running, Tensor mean, Tensor invStd)
    {
        private readonly double _momentum = running is { } counted ? NextMomentum(counted) : 0;

        public NormalizeConstants Run(int channel, Moments moments)
        {
            var variance = moments.SquaredDeviations / moments.Count;
            var inverse = 1 / Math.Sqrt(variance + epsilon);
            ((double*)mean.Address)[channel] = moments.Mean;
            ((double*)invStd.Address)[channel] = inverse;
            if (running is { } statistics)
            {
                var stored = statistics.Unbiased ? moments.SquaredDeviations / (moments.Count - 1) : variance;
                Blend(Data(statistics.Mean) + channel, moments.Mean, _momentum);
                Blend(Data(statistics.Variance) + channel, stored, _momentum);
            }

            return ConstantsOf(DataOrNull(gamma), DataOrNull(beta), channel, moments.Mean, inverse);
        }
    }

    /// <summary>What follows from the sums of a channel: the gradients of gamma and beta.</summary>
    private readonly struct FinishGradients(
        BatchNormGeometry g, Tensor? gamma, Tensor mean, Tensor invStd, Tensor? gradGamma, Tensor? gradBeta)
    {
        public double Mean(int channel) => ((double*)mean.Address)[channel];

        public InputGradientConstants Run(int channel, GradientSums sums)
        {
            var inverse = ((double*)invStd.Address)[channel];
            var product = sums.Product * inverse;
            StoreGradients(gradGamma, gradBeta, channel, sums.Gradient, product);

            var scale = inverse * (gamma is null ? 1 : double.CreateTruncating(Data(gamma)[channel]));
            var (high, rest) = Split(Mean(channel));
            double count = g.ValuesPerChannel, slope = product / count;
            return new InputGradientConstants(
                high,
                T.CreateTruncating(inverse),
                T.CreateTruncating(sums.Gradient / count - slope * rest * inverse),
                T.CreateTruncating(-slope),
                T.CreateTruncating(scale));
        }
    }

    /// <summary>A chunk is a channel, normalized while the caches still hold what its statistics came from.</summary>
    private readonly struct ForwardJob(
        ChannelSlices slices, FinishStatistics finish, T* input, Moments* moments, T* output) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            var constants = finish.Run(chunk, MomentsOfChannel(slices, chunk, input, moments));
            var g = slices.Geometry;
            for (var plane = (long)chunk; plane < Planes(g); plane += g.Channels)
                NormalizePlane(input + plane * g.Spatial, constants, output + plane * g.Spatial, g.Spatial);
        }
    }

    /// <summary>A chunk is a channel, whose input gradient is computed while the caches still hold what its sums came
    /// from.</summary>
    private readonly struct BackwardJob(
        ChannelSlices slices, FinishGradients finish, T* input, T* gradOutput, GradientSums* partials, T* gradInput)
        : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            for (var i = 0; i < slices.PerChannel; i++)
            {
                var slice = chunk * slices.PerChannel + i;
                partials[slice] = ReduceGradientsJob.Reduce(slices, slice, input, gradOutput, finish.Mean(chunk));
            }

            var constants = finish.Run(chunk, SumSlices(slices, chunk, partials));
            if (gradInput == null)
                return;
            var g = slices.Geometry;
            for (var plane = (long)chunk; plane < Planes(g); plane += g.Channels)
            {
                var offset = plane * g.Spatial;
                InputGradientOfPlane(input + offset, gradOutput + offset, constants, gradInput + offset, g.Spatial);
            }
        }
    }

    /// <summary>A chunk is a slice of a channel.</summary>
    private readonly struct MomentsJob(ChannelSlices slices, T* input, Moments* moments) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            double count = slices.Length(chunk);
            var origin = MeanOfFirst(chunk);
            Deviations(chunk, origin, out var sum, out var squares);
            // Farther than a deviation from the mean, the origin would cost digits of the squares: once more around it.
            // NaN comes here too.
            if (!(sum * sum / count <= squares / 2))
            {
                origin += T.CreateTruncating(sum / count);
                Deviations(chunk, origin, out sum, out squares);
            }

            moments[chunk] = double.IsFinite(squares)
                ? new Moments(
                    count, double.CreateTruncating(origin) + sum / count, Math.Max(0, squares - sum * sum / count))
                : MomentsOfHugeValues(chunk);
        }

        // Equal values have exactly their value as mean: their number is a power of two, so nothing is rounded. Divided
        // first, the largest do not overflow.
        private T MeanOfFirst(int slice)
        {
            var runs = slices.Runs(slice);
            runs.MoveNext();
            var first = input + runs.Offset;
            return runs.Length < TSimd.Count
                ? *first
                : TSimd.Sum(TSimd.Multiply(TSimd.Load(first), TSimd.Create(T.One / T.CreateTruncating(TSimd.Count))));
        }

        /// <summary>sum (x - origin) and sum (x - origin)^2 over a slice.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Deviations(int slice, T origin, out double sum, out double squares)
        {
            var origins = TSimd.Create(origin);
            TVector a = TSimd.Zero, b = TSimd.Zero, squareA = TSimd.Zero, squareB = TSimd.Zero;
            var ahead = PrefetchDistance(slices.Geometry);
            var runs = slices.Runs(slice);
            while (runs.MoveNext())
            {
                var run = input + runs.Offset;
                long i = 0;
                for (; i + 2 * TSimd.Count <= runs.Length; i += 2 * TSimd.Count)
                {
                    Prefetch(run + ahead + i);
                    Prefetch(run + ahead + i + TSimd.Count);
                    var x = TSimd.Subtract(TSimd.Load(run + i), origins);
                    var y = TSimd.Subtract(TSimd.Load(run + i + TSimd.Count), origins);
                    a = TSimd.Add(a, x);
                    b = TSimd.Add(b, y);
                    squareA = TSimd.MultiplyAdd(x, x, squareA);
                    squareB = TSimd.MultiplyAdd(y, y, squareB);
                }

                for (; i < runs.Length; i += TSimd.Count)
                {
                    var inside = FirstLanes(runs.Length - i);
                    var x = TSimd.And(inside, TSimd.Subtract(TSimd.Load(run + i), origins));
                    a = TSimd.Add(a, x);
                    squareA = TSimd.MultiplyAdd(x, x, squareA);
                }
            }

            sum = double.CreateTruncating(TSimd.Sum(TSimd.Add(a, b)));
            squares = double.CreateTruncating(TSimd.Sum(TSimd.Add(squareA, squareB)));
        }

        // Squares of values beyond 1e19 leave the range of a float, not that of a double.
        private Moments MomentsOfHugeValues(int slice)
        {
            double count = slices.Length(slice), mean = 0, squares = 0;
            var runs = slices.Runs(slice);
            while (runs.MoveNext())
            {
                for (long i = 0; i < runs.Length; i++)
                    mean += double.CreateTruncating(input[runs.Offset + i]) / count;
            }

            runs = slices.Runs(slice);
            while (runs.MoveNext())
            {
                for (long i = 0; i < runs.Length; i++)
                {
                    var deviation = double.CreateTruncating(input[runs.Offset + i]) - mean;
                    squares += deviation * deviation;
                }
            }

            return new Moments(count, mean, squares);
        }
    }

    /// <summary>A chunk is a slice of a channel.</summary>
    private readonly struct ReduceGradientsJob(
        ChannelSlices slices, T* input, T* gradOutput, double* means, GradientSums* partials) : IChunkJob
    {
        public void Run(int chunk, int worker) =>
            partials[chunk] = Reduce(slices, chunk, input, gradOutput, means[slices.Channel(chunk)]);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static GradientSums Reduce(ChannelSlices slices, int slice, T* input, T* gradOutput, double mean)
        {
            var (high, rest) = Split(mean);
            var means = TSimd.Create(high);
            TVector sumA = TSimd.Zero, sumB = TSimd.Zero, productA = TSimd.Zero, productB = TSimd.Zero;
            var ahead = PrefetchDistance(slices.Geometry);
            var runs = slices.Runs(slice);
            while (runs.MoveNext())
            {
                T* x = input + runs.Offset, gradient = gradOutput + runs.Offset;
                long i = 0;
                for (; i + 2 * TSimd.Count <= runs.Length; i += 2 * TSimd.Count)
                {
                    Prefetch(x + ahead + i);
                    Prefetch(gradient + ahead + i);
                    var a = TSimd.Load(gradient + i);
                    var b = TSimd.Load(gradient + i + TSimd.Count);
                    sumA = TSimd.Add(sumA, a);
                    sumB = TSimd.Add(sumB, b);
                    productA = TSimd.MultiplyAdd(a, TSimd.Subtract(TSimd.Load(x + i), means), productA);
                    productB = TSimd.MultiplyAdd(b, TSimd.Subtract(TSimd.Load(x + i + TSimd.Count), means), productB);
                }

                for (; i < runs.Length; i += TSimd.Count)
                {
                    var inside = FirstLanes(runs.Length - i);
                    var a = TSimd.And(inside, TSimd.Load(gradient + i));
                    var deviation = TSimd.And(inside, TSimd.Subtract(TSimd.Load(x + i), means));
                    sumA = TSimd.Add(sumA, a);
                    productA = TSimd.MultiplyAdd(a, deviation, productA);
                }
            }

            var sum = double.CreateTruncating(TSimd.Sum(TSimd.Add(sumA, sumB)));
            var product = double.CreateTruncating(TSimd.Sum(TSimd.Add(productA, productB)));
            return new GradientSums(sum, product - rest * sum);
        }
    }

    /// <summary>A chunk is a share of the planes, in the order of memory, or of an only one.</summary>
    private readonly struct NormalizeJob(
        BatchNormGeometry g, T* input, NormalizeConstants* constants, T* output, int chunks) : IChunkJob
    {
        public int Chunks => chunks;

        public void Run(int chunk, int worker)
        {
            if (g.Channels == 1)
            {
                var (start, stop) = ElementRange(chunk, g.Spatial);
                NormalizePlane(input + start, constants[0], output + start, stop - start);
                return;
            }

            var end = (chunk + 1L) * Planes(g) / chunks;
            for (var plane = chunk * Planes(g) / chunks; plane < end; plane++)
            {
                NormalizePlane(
                    input + plane * g.Spatial, constants[plane % g.Channels], output + plane * g.Spatial, g.Spatial);
            }
        }
    }

    /// <summary>A chunk is a share of the planes, in the order of memory, or of an only one.</summary>
    private readonly struct InputGradientJob(
        BatchNormGeometry g, T* input, T* gradOutput, InputGradientConstants* constants, T* gradInput, int chunks)
        : IChunkJob
    {
        public int Chunks => chunks;

        public void Run(int chunk, int worker)
        {
            if (g.Channels == 1)
            {
                var (start, stop) = ElementRange(chunk, g.Spatial);
                InputGradientOfPlane(
                    input + start, gradOutput + start, constants[0], gradInput + start, stop - start);
                return;
            }

            var end = (chunk + 1L) * Planes(g) / chunks;
            for (var plane = chunk * Planes(g) / chunks; plane < end; plane++)
            {
                var offset = plane * g.Spatial;
                InputGradientOfPlane(
                    input + offset, gradOutput + offset, constants[plane % g.Channels], gradInput + offset, g.Spatial);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void NormalizePlane(T* x, NormalizeConstants c, T* y, long length)
    {
        var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
        if (length < TSimd.Count)
        {
            for (long j = 0; j < length; j++)
                y[j] = T.MultiplyAddEstimate(x[j] - c.Mean, c.Scale, c.Shift);
            return;
        }

        for (long i = 0; i < length; i += TSimd.Count)
        {
            // The last register is pulled back to end with the plane, over elements done already.
            var at = Math.Min(i, length - TSimd.Count);
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Subtract(TSimd.Load(x + at), mean), scale, shift), y + at);
        }
    }

    /// <summary>dx = scale * (dy - mean of dy - xhat * mean of dy * xhat).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void InputGradientOfPlane(T* x, T* dy, InputGradientConstants c, T* dx, long length)
    {
        if (length < TSimd.Count)
        {
            for (long j = 0; j < length; j++)
                dx[j] = T.MultiplyAddEstimate((x[j] - c.Mean) * c.InvStd, c.Slope, dy[j] - c.Offset) * c.Scale;
            return;
        }

        var (mean, invStd) = (TSimd.Create(c.Mean), TSimd.Create(c.InvStd));
        var (shift, slope, scale) = (TSimd.Create(c.Offset), TSimd.Create(c.Slope), TSimd.Create(c.Scale));
        for (long i = 0; i < length; i += TSimd.Count)
        {
            var at = Math.Min(i, length - TSimd.Count);
            TSimd.Store(
                InputGradient(TSimd.Load(x + at), TSimd.Load(dy + at), mean, invStd, shift, slope, scale), dx + at);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector InputGradient(
        TVector x, TVector dy, TVector mean, TVector invStd, TVector shift, TVector slope, TVector scale)
    {
        var normalized = TSimd.Multiply(TSimd.Subtract(x, mean), invStd);
        return TSimd.Multiply(TSimd.MultiplyAdd(normalized, slope, TSimd.Subtract(dy, shift)), scale);
    }
}
