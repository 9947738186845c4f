using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>Batch norm by its formulas, for some of the channels: the statistics over all their values, the results at
/// samples.</summary>
public static class BatchNormCheck
{
    private const int SamplesPerChannel = 60;

    /// <summary>Mean, 1 / sqrt(variance + epsilon), and gamma * (x - mean) * invStd + beta.</summary>
    /// <param name="addend">Added to the output; null for nothing.</param>
    /// <param name="rectifies">Whether the output is then rectified.</param>
    public static void Forward(
        BatchNormGeometry g, Tensor input, Tensor gamma, Tensor beta, double epsilon, Tensor output, Tensor mean,
        Tensor invStd, Tensor? addend = null, bool rectifies = false)
    {
        using HostValues x = new(input), y = new(output), scale = new(gamma), shift = new(beta);
        using HostValues means = new(mean), inverses = new(invStd);
        using var added = addend is null ? null : new HostValues(addend);
        foreach (var channel in Channels(g))
        {
            var (expectedMean, variance) = Moments(g, x, channel);
            var expectedInverse = 1 / Math.Sqrt(variance + epsilon);
            // Sums of values around an origin within a deviation of the mean: each of them is off by less than
            // 8 * 2^-24 of a deviation, whatever their number.
            Check.Close("mean", channel, means[channel], expectedMean, 8 * Check.UnitRoundoff / expectedInverse);
            Check.Close("invStd", channel, inverses[channel], expectedInverse, 8 * Check.UnitRoundoff * expectedInverse);
            Output(g, channel, x, expectedMean, expectedInverse, scale[channel], shift[channel], y, added, rectifies);
        }
    }

    /// <summary>gamma * (x - mean) / sqrt(variance + epsilon) + beta.</summary>
    public static void Evaluate(
        BatchNormGeometry g, Tensor input, Tensor gamma, Tensor beta, Tensor mean, Tensor variance, double epsilon,
        Tensor output)
    {
        using HostValues x = new(input), y = new(output), scale = new(gamma), shift = new(beta);
        using HostValues means = new(mean), variances = new(variance);
        foreach (var channel in Channels(g))
        {
            Output(
                g, channel, x, means[channel], 1 / Math.Sqrt(variances[channel] + epsilon), scale[channel], shift[channel],
                y);
        }
    }

    /// <summary>gradBeta = sum dy, gradGamma = sum dy * xhat,
    /// gradInput = gamma * invStd * (dy - (gradBeta + xhat * gradGamma) / M), from the statistics that forward saved.</summary>
    /// <param name="rectified">A rectified output: dy counts where it is above 0. Null for everywhere.</param>
    public static void Backward(
        BatchNormGeometry g, Tensor input, Tensor gamma, Tensor mean, Tensor invStd, Tensor gradOutput, Tensor gradInput,
        Tensor gradGamma, Tensor gradBeta, Tensor? rectified = null)
    {
        using HostValues x = new(input), dy = new(gradOutput), dx = new(gradInput), scale = new(gamma);
        using HostValues means = new(mean), inverses = new(invStd), dGamma = new(gradGamma), dBeta = new(gradBeta);
        using var passes = rectified is null ? null : new HostValues(rectified);
        foreach (var channel in Channels(g))
        {
            var part = new BatchNormGradients(g, channel, x, means[channel], inverses[channel], dy, passes);
            Check.Close("gradBeta", channel, dBeta[channel], part.Sum, part.SumBound);
            Check.Close("gradGamma", channel, dGamma[channel], part.Product, part.ProductBound);
            foreach (var i in Check.Samples(g.ValuesPerChannel, SamplesPerChannel))
            {
                var at = Offset(g, channel, i);
                var (expected, bound) = part.Input(at, scale[channel]);
                Check.Close("gradInput", at, dx[at], expected, bound);
            }
        }
    }

    // The first, the last, and one in between.
    internal static IEnumerable<int> Channels(BatchNormGeometry g) =>
        new[] { 0, g.Channels / 2, g.Channels - 1 }.Distinct();

    internal static long Offset(BatchNormGeometry g, int channel, long value) =>
        (value / g.Spatial * g.Channels + channel) * g.Spatial + value % g.Spatial;

    internal static (double Mean, double Variance) Moments(BatchNormGeometry g, HostValues x, int channel)
    {
        double sum = 0, squares = 0, count = g.ValuesPerChannel;
        for (long i = 0; i < g.ValuesPerChannel; i++)
            sum += x[Offset(g, channel, i)];
        for (long i = 0; i < g.ValuesPerChannel; i++)
        {
            var deviation = x[Offset(g, channel, i)] - sum / count;
            squares += deviation * deviation;
        }

        return (sum / count, squares / count);
    }

    /// <summary>The output at samples of a channel.</summary>
    internal static void Output(
        BatchNormGeometry g, int channel, HostValues x, double mean, double invStd, double gamma, double beta, HostValues y,
        HostValues? addend = null, bool rectifies = false)
    {
        foreach (var i in Check.Samples(g.ValuesPerChannel, SamplesPerChannel))
        {
            var at = Offset(g, channel, i);
            var scaled = gamma * (x[at] - mean) * invStd;
            var added = addend?[at] ?? 0;
            var expected = scaled + beta + added;
            // Four roundings, and statistics that are off by 8 * 2^-24 of a deviation.
            Check.Close(
                "output", at, y[at], rectifies ? Math.Max(expected, 0) : expected,
                Check.SumBound(4, Math.Abs(scaled) + Math.Abs(beta) + Math.Abs(added))
                + 16 * Check.UnitRoundoff * Math.Abs(gamma));
        }
    }
}
