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

// Statistics are gathered run by run: a run of consecutive elements is swept twice while it is in the first-level cache,
// for its mean and for its deviations from it, and the runs are merged in double precision. The mean is kept as a high
// part of the element type and the low rest, so that x - mean loses nothing where the mean is far from zero.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void BatchNormForward(in BatchNormForwardArgs args)
    {
        var g = args.Geometry;
        var slices = new ChannelSlices(g);
        var moments = _shared.Get<Moments>(slices.Count);
        var gather = new MomentsJob(slices, Data(args.Input), moments);
        _pool.Run(ref gather, slices.Count);

        double* means = (double*)args.Mean.Address, invStds = (double*)args.InvStd.Address;
        var momentum = args.Running is { } statistics ? NextMomentum(statistics) : 0;
        for (var channel = 0; channel < g.Channels; channel++)
        {
            var total = moments[channel * slices.PerChannel];
            for (var i = 1; i < slices.PerChannel; i++)
                total = total.Merge(moments[channel * slices.PerChannel + i]);
            var variance = total.SquaredDeviations / g.ValuesPerChannel;
            means[channel] = total.Mean;
            invStds[channel] = 1 / Math.Sqrt(variance + args.Epsilon);
            if (args.Running is { } running)
            {
                var stored = running.Unbiased ? total.SquaredDeviations / (g.ValuesPerChannel - 1) : variance;
                Blend(Data(running.Mean) + channel, total.Mean, momentum);
                Blend(Data(running.Variance) + channel, stored, momentum);
            }
        }

        Normalize(g, Data(args.Input), DataOrNull(args.Gamma), DataOrNull(args.Beta), means, invStds, Data(args.Output));
    }

    public override void BatchNormBackward(in BatchNormBackwardArgs args)
    {
        var g = args.Geometry;
        double* means = (double*)args.Mean.Address, invStds = (double*)args.InvStd.Address;
        var gradBetas = ReduceGradients(g, Data(args.Input), Data(args.GradOutput), means, invStds);
        var gradGammas = gradBetas + g.Channels;
        StoreGradients(g, gradBetas, args.GradGamma, args.GradBeta);
        if (args.GradInput is null)
            return;

        var constants = _packed.Get<InputGradientConstants>(g.Channels);
        for (var channel = 0; channel < g.Channels; channel++)
        {
            var gamma = args.Gamma is null ? 1 : double.CreateTruncating(Data(args.Gamma)[channel]);
            var (mean, rest) = Split(means[channel]);
            var invStd = invStds[channel];
            var slope = gradGammas[channel] / g.ValuesPerChannel;
            constants[channel] = new InputGradientConstants(
                mean,
                T.CreateTruncating(invStd),
                T.CreateTruncating(gradBetas[channel] / g.ValuesPerChannel - slope * rest * invStd),
                T.CreateTruncating(-slope),
                T.CreateTruncating(gamma * invStd));
        }

        var job = new InputGradientJob(
            g, Data(args.Input), Data(args.GradOutput), constants, Data(args.GradInput), PlaneChunks(Planes(g), g.Spatial));
        _pool.Run(ref job, job.Chunks);
    }

    public override void BatchNormFrozenForward(in BatchNormFrozenForwardArgs args)
    {
        var means = FrozenStatistics(args.Geometry, args.Mean, args.Variance, args.Epsilon);
        Normalize(
            args.Geometry, Data(args.Input), DataOrNull(args.Gamma), DataOrNull(args.Beta), means,
            means + args.Geometry.Channels, Data(args.Output));
    }

    public override void BatchNormFrozenBackward(in BatchNormFrozenBackwardArgs args)
    {
        var g = args.Geometry;
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        var invStds = means + g.Channels;
        if (args.GradGamma is not null || args.GradBeta is not null)
        {
            StoreGradients(
                g, ReduceGradients(g, Data(args.Input), Data(args.GradOutput), means, invStds), args.GradGamma,
                args.GradBeta);
        }

        if (args.GradInput is { } gradInput)
        {
            // y is a line in x, so its gradient is the slope: a normalization of gradOutput with mean and beta of 0.
            new Span<double>(means, g.Channels).Clear();
            Normalize(g, Data(args.GradOutput), DataOrNull(args.Gamma), null, means, invStds, Data(gradInput));
        }
    }

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

    private static void StoreGradients(BatchNormGeometry g, double* gradBetas, Tensor? gradGamma, Tensor? gradBeta)
    {
        for (var channel = 0; channel < g.Channels; channel++)
        {
            if (gradBeta is not null)
                Data(gradBeta)[channel] = T.CreateTruncating(gradBetas[channel]);
            if (gradGamma is not null)
                Data(gradGamma)[channel] = T.CreateTruncating(gradBetas[g.Channels + channel]);
        }
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
        BatchNormGeometry g, T* input, T* gamma, T* beta, double* means, double* invStds, T* output)
    {
        var constants = _constants.Get<NormalizeConstants>(g.Channels);
        for (var channel = 0; channel < g.Channels; channel++)
        {
            var scale = invStds[channel] * (gamma == null ? 1 : double.CreateTruncating(gamma[channel]));
            var (mean, rest) = Split(means[channel]);
            constants[channel] = new NormalizeConstants(
                mean,
                T.CreateTruncating(scale),
                T.CreateTruncating((beta == null ? 0 : double.CreateTruncating(beta[channel])) - rest * scale));
        }

        var job = new NormalizeJob(g, input, constants, output, PlaneChunks(Planes(g), g.Spatial));
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>sum dy of all channels, then sum dy * xhat of all.</summary>
    private double* ReduceGradients(BatchNormGeometry g, T* input, T* gradOutput, double* means, double* invStds)
    {
        var slices = new ChannelSlices(g);
        var gradBetas = _shared.Get<double>(2L * g.Channels + 2L * slices.Count);
        var gradGammas = gradBetas + g.Channels;
        var partials = gradGammas + g.Channels;
        var job = new ReduceGradientsJob(slices, input, gradOutput, means, partials);
        _pool.Run(ref job, slices.Count);
        for (var channel = 0; channel < g.Channels; channel++)
        {
            double sum = 0, product = 0;
            for (var slice = channel * slices.PerChannel; slice < (channel + 1) * slices.PerChannel; slice++)
            {
                sum += partials[2 * slice];
                product += partials[2 * slice + 1];
            }

            gradBetas[channel] = sum;
            gradGammas[channel] = product * invStds[channel];
        }

        return gradBetas;
    }

    private readonly record struct NormalizeConstants(T Mean, T Scale, T Shift);

    private readonly record struct InputGradientConstants(T Mean, T InvStd, T Offset, T Slope, T Scale);

    /// <summary>A chunk is a slice of a channel.</summary>
    private readonly struct MomentsJob(ChannelSlices slices, T* input, Moments* moments) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            var total = default(Moments);
            var runs = slices.Runs(chunk);
            while (runs.MoveNext())
                total = total.Merge(MomentsOfRun(input + runs.Offset, runs.Length));
            moments[chunk] = total;
        }

        private static Moments MomentsOfRun(T* run, long length)
        {
            // Shifted by the first element, so that a constant run has exactly its value as mean.
            var shift = run[0];
            var first = SumOfDeviations(run, length, shift);
            var mean = shift + T.CreateTruncating(first / length);
            var squares = SumOfSquaredDeviations(run, length, mean, out var rest);
            if (!double.IsFinite(squares))
                return MomentsOfHugeRun(run, length);
            return new Moments(
                length, double.CreateTruncating(mean) + rest / length, Math.Max(0, squares - rest * rest / length));
        }

        private static double SumOfDeviations(T* run, long length, T shift)
        {
            var shifts = TSimd.Create(shift);
            TVector a = TSimd.Zero, b = TSimd.Zero, c = TSimd.Zero, d = TSimd.Zero;
            long i = 0;
            for (; i + 4 * TSimd.Count <= length; i += 4 * TSimd.Count)
            {
                a = TSimd.Add(a, TSimd.Subtract(TSimd.Load(run + i), shifts));
                b = TSimd.Add(b, TSimd.Subtract(TSimd.Load(run + i + TSimd.Count), shifts));
                c = TSimd.Add(c, TSimd.Subtract(TSimd.Load(run + i + 2 * TSimd.Count), shifts));
                d = TSimd.Add(d, TSimd.Subtract(TSimd.Load(run + i + 3 * TSimd.Count), shifts));
            }

            for (; i + TSimd.Count <= length; i += TSimd.Count)
                a = TSimd.Add(a, TSimd.Subtract(TSimd.Load(run + i), shifts));
            var sum = double.CreateTruncating(TSimd.Sum(TSimd.Add(TSimd.Add(a, b), TSimd.Add(c, d))));
            for (; i < length; i++)
                sum += double.CreateTruncating(run[i] - shift);
            return sum;
        }

        /// <summary>sum (x - mean)^2, and sum (x - mean), which rounding of the mean leaves over.</summary>
        private static double SumOfSquaredDeviations(T* run, long length, T mean, out double rest)
        {
            var means = TSimd.Create(mean);
            TVector a = TSimd.Zero, b = TSimd.Zero, squareA = TSimd.Zero, squareB = TSimd.Zero;
            long i = 0;
            for (; i + 2 * TSimd.Count <= length; i += 2 * TSimd.Count)
            {
                var x = TSimd.Subtract(TSimd.Load(run + i), means);
                var y = TSimd.Subtract(TSimd.Load(run + i + TSimd.Count), means);
                a = TSimd.Add(a, x);
                b = TSimd.Add(b, y);
                squareA = TSimd.MultiplyAdd(x, x, squareA);
                squareB = TSimd.MultiplyAdd(y, y, squareB);
            }

            for (; i + TSimd.Count <= length; i += TSimd.Count)
            {
                var x = TSimd.Subtract(TSimd.Load(run + i), means);
                a = TSimd.Add(a, x);
                squareA = TSimd.MultiplyAdd(x, x, squareA);
            }

            rest = double.CreateTruncating(TSimd.Sum(TSimd.Add(a, b)));
            var squares = double.CreateTruncating(TSimd.Sum(TSimd.Add(squareA, squareB)));
            for (; i < length; i++)
            {
                var x = double.CreateTruncating(run[i] - mean);
                rest += x;
                squares += x * x;
            }

            return squares;
        }

        // Squares of values beyond 1e19 leave the range of a float, not that of a double.
        private static Moments MomentsOfHugeRun(T* run, long length)
        {
            double sum = 0;
            for (long i = 0; i < length; i++)
                sum += double.CreateTruncating(run[i]) / length;
            double squares = 0;
            for (long i = 0; i < length; i++)
            {
                var x = double.CreateTruncating(run[i]) - sum;
                squares += x * x;
            }

            return new Moments(length, sum, squares);
        }
    }

    /// <summary>A chunk is a slice of a channel: sum dy and sum dy * (x - mean).</summary>
    private readonly struct ReduceGradientsJob(
        ChannelSlices slices, T* input, T* gradOutput, double* means, double* partials) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            var (mean, rest) = Split(means[slices.Channel(chunk)]);
            double sum = 0, product = 0;
            var runs = slices.Runs(chunk);
            while (runs.MoveNext())
            {
                product += Reduce(
                    input + runs.Offset, gradOutput + runs.Offset, runs.Length, mean, out var runSum);
                sum += runSum;
            }

            partials[2 * chunk] = sum;
            partials[2 * chunk + 1] = product - rest * sum;
        }

        private static double Reduce(T* x, T* gradient, long length, T mean, out double sum)
        {
            var means = TSimd.Create(mean);
            TVector sumA = TSimd.Zero, sumB = TSimd.Zero, productA = TSimd.Zero, productB = TSimd.Zero;
            long i = 0;
            for (; i + 2 * TSimd.Count <= length; i += 2 * TSimd.Count)
            {
                var a = TSimd.Load(gradient + i);
                var b = TSimd.Load(gradient + i + TSimd.Count);
                sumA = TSimd.Add(sumA, a);
                sumB = TSimd.Add(sumB, b);
                productA = TSimd.MultiplyAdd(a, TSimd.Subtract(TSimd.Load(x + i), means), productA);
                productB = TSimd.MultiplyAdd(b, TSimd.Subtract(TSimd.Load(x + i + TSimd.Count), means), productB);
            }

            sum = double.CreateTruncating(TSimd.Sum(TSimd.Add(sumA, sumB)));
            var product = double.CreateTruncating(TSimd.Sum(TSimd.Add(productA, productB)));
            for (; i < length; i++)
            {
                sum += double.CreateTruncating(gradient[i]);
                product += double.CreateTruncating(gradient[i]) * double.CreateTruncating(x[i] - mean);
            }

            return product;
        }
    }

    /// <summary>A chunk is a share of the planes, in the order of memory.</summary>
    private readonly struct NormalizeJob(
        BatchNormGeometry g, T* input, NormalizeConstants* constants, T* output, int chunks) : IChunkJob
    {
        public int Chunks => chunks;

        public void Run(int chunk, int worker)
        {
            var end = (chunk + 1L) * Planes(g) / chunks;
            for (var plane = chunk * Planes(g) / chunks; plane < end; plane++)
            {
                var c = constants[plane % g.Channels];
                T* x = input + plane * g.Spatial, y = output + plane * g.Spatial;
                var (mean, scale, shift) = (TSimd.Create(c.Mean), TSimd.Create(c.Scale), TSimd.Create(c.Shift));
                long i = 0;
                for (; i + TSimd.Count <= g.Spatial; i += TSimd.Count)
                    TSimd.Store(TSimd.MultiplyAdd(TSimd.Subtract(TSimd.Load(x + i), mean), scale, shift), y + i);
                for (; i < g.Spatial; i++)
                    y[i] = (x[i] - c.Mean) * c.Scale + c.Shift;
            }
        }
    }

    /// <summary>dx = scale * (dy - mean of dy - xhat * mean of dy * xhat), a chunk being a share of the planes.</summary>
    private readonly struct InputGradientJob(
        BatchNormGeometry g, T* input, T* gradOutput, InputGradientConstants* constants, T* gradInput, int chunks)
        : IChunkJob
    {
        public int Chunks => chunks;

        public void Run(int chunk, int worker)
        {
            var end = (chunk + 1L) * Planes(g) / chunks;
            for (var plane = chunk * Planes(g) / chunks; plane < end; plane++)
            {
                var c = constants[plane % g.Channels];
                var offset = plane * g.Spatial;
                T* x = input + offset, dy = gradOutput + offset, dx = gradInput + offset;
                var (mean, invStd) = (TSimd.Create(c.Mean), TSimd.Create(c.InvStd));
                var (shift, slope, scale) = (TSimd.Create(c.Offset), TSimd.Create(c.Slope), TSimd.Create(c.Scale));
                long i = 0;
                for (; i + TSimd.Count <= g.Spatial; i += TSimd.Count)
                {
                    var normalized = TSimd.Multiply(TSimd.Subtract(TSimd.Load(x + i), mean), invStd);
                    var centred = TSimd.Subtract(TSimd.Load(dy + i), shift);
                    TSimd.Store(TSimd.Multiply(TSimd.MultiplyAdd(normalized, slope, centred), scale), dx + i);
                }

                for (; i < g.Spatial; i++)
                    dx[i] = (dy[i] - c.Offset + (x[i] - c.Mean) * c.InvStd * c.Slope) * c.Scale;
            }
        }
    }
}
