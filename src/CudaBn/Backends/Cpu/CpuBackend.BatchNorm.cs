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
// zero. Channels are taken in groups that the caches hold, so that the second sweep does not go to memory again.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Input of a group of channels: a share of the third-level cache.</summary>
    private const long ChannelGroupBytes = 8 << 20;

    public override void BatchNormForward(in BatchNormForwardArgs args)
    {
        if (args.Geometry.IsRows)
        {
            ForwardOfRows(in args);
            return;
        }

        var g = InOnePiece(args.Geometry);
        var finish = new FinishStatistics(
            args.Gamma, args.Beta, args.Epsilon, args.Running, args.Mean, args.InvStd);
        var constants = _constants.Get<NormalizeConstants>(g.Channels);
        foreach (var (first, count) in new ChannelGroups(g, ChannelGroupBytes / sizeof(T)))
        {
            ComputeStatistics(g, first, count, Data(args.Input), finish, constants);
            var normalize = new NormalizeJob<NoTail>(
                new ChannelPlanes(g, first, count), Data(args.Input), constants, addend: null, Data(args.Output));
            _pool.Run(ref normalize, normalize.Chunks);
        }
    }

    public override void BatchNormBackward(in BatchNormBackwardArgs args)
    {
        if (args.Geometry.IsRows)
        {
            BackwardOfRows(in args);
            return;
        }

        var g = InOnePiece(args.Geometry);
        var finish = new FinishGradients(
            g, args.Gamma, args.Mean, args.InvStd, args.GradGamma, args.GradBeta);
        T* input = Data(args.Input), gradOutput = Data(args.GradOutput), gradInput = DataOrNull(args.GradInput);
        var constants = _constants.Get<InputGradientConstants>(g.Channels);
        foreach (var (first, count) in new ChannelGroups(g, ChannelGroupBytes / (2 * sizeof(T))))
        {
            var slices = SlicesOf(g, first, count);
            var partials = _shared.Get<GradientSums>(slices.Count);
            var reduce = new ReduceGradientsJob(
                this, slices, g.Spatial, input, gradOutput, (double*)args.Mean.Address, partials);
            _pool.Run(ref reduce, slices.BlockCount);
            for (var channel = 0; channel < count; channel++)
                constants[first + channel] = finish.Run(first + channel, SumSlices(slices, channel, partials));
            if (gradInput == null)
                continue;
            var job = new InputGradientJob(new ChannelPlanes(g, first, count), input, gradOutput, constants, gradInput);
            _pool.Run(ref job, job.Chunks);
        }
    }

    public override void BatchNormFrozenForward(in BatchNormFrozenForwardArgs args)
    {
        if (args.Geometry.IsRows)
        {
            FrozenForwardOfRows(in args);
            return;
        }

        var g = InOnePiece(args.Geometry);
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        Normalize(
            g, Data(args.Input), DataOrNull(args.Gamma), DataOrNull(args.Beta), means, means + g.Channels,
            Data(args.Output));
    }

    public override void BatchNormFrozenBackward(in BatchNormFrozenBackwardArgs args)
    {
        if (args.Geometry.IsRows)
        {
            FrozenBackwardOfRows(in args);
            return;
        }

        var g = InOnePiece(args.Geometry);
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        var invStds = means + g.Channels;
        if (args.GradGamma is not null || args.GradBeta is not null)
        {
            var slices = SlicesOf(g, 0, g.Channels);
            var partials = _shared.Get<GradientSums>(slices.Count);
            var reduce = new ReduceGradientsJob(
                this, slices, g.Spatial, Data(args.Input), Data(args.GradOutput), means, partials);
            _pool.Run(ref reduce, slices.BlockCount);
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

    /// <summary>Saved and running statistics of a group of channels, and what normalizes them.</summary>
    private void ComputeStatistics(
        BatchNormGeometry g, int first, int count, T* input, FinishStatistics finish, NormalizeConstants* constants)
    {
        var slices = SlicesOf(g, first, count);
        var moments = _shared.Get<Moments>(slices.Count);
        var gather = new MomentsJob(this, slices, g.Spatial, input, moments);
        _pool.Run(ref gather, slices.BlockCount);
        for (var channel = 0; channel < count; channel++)
            constants[first + channel] = finish.Run(first + channel, MergeSlices(slices, channel, moments));
    }

    private static Moments MergeSlices(ChannelSlices slices, int channel, Moments* moments)
    {
        var total = default(Moments);
        for (var i = 0; i < slices.PerChannel; i++)
            total = total.Merge(moments[channel * slices.PerChannel + i]);
        return total;
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
        var job = new NormalizeJob<NoTail>(new ChannelPlanes(g, 0, g.Channels), input, constants, addend: null, output);
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
        public InputGradientConstants Run(int channel, GradientSums sums)
        {
            var inverse = ((double*)invStd.Address)[channel];
            var product = sums.Product * inverse;
            StoreGradients(gradGamma, gradBeta, channel, sums.Gradient, product);

            var scale = inverse * (gamma is null ? 1 : double.CreateTruncating(Data(gamma)[channel]));
            var (high, rest) = Split(((double*)mean.Address)[channel]);
            double count = g.ValuesPerChannel, slope = product / count;
            return new InputGradientConstants(
                high,
                T.CreateTruncating(inverse),
                T.CreateTruncating(sums.Gradient / count - slope * rest * inverse),
                T.CreateTruncating(-slope),
                T.CreateTruncating(scale));
        }
    }
}
