using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>Batch norm by its formulas, for some of the channels: the statistics over all their values, the results at
/// samples.</summary>
public static class BatchNormCheck
{
    private const int SamplesPerChannel = 60;

    /// <summary>Mean, 1 / sqrt(variance + epsilon), and gamma * (x - mean) * invStd + beta.</summary>
    public static void Forward(
        BatchNormGeometry g, Tensor input, Tensor gamma, Tensor beta, double epsilon, Tensor output, Tensor mean,
        Tensor invStd)
    {
        using HostValues x = new(input), y = new(output), scale = new(gamma), shift = new(beta);
        using HostValues means = new(mean), inverses = new(invStd);
        foreach (var channel in Channels(g))
        {
            var (expectedMean, variance) = Moments(g, x, channel);
            var expectedInverse = 1 / Math.Sqrt(variance + epsilon);
            // Sums of values around an origin within a deviation of the mean: each of them is off by less than
            // 8 * 2^-24 of a deviation, whatever their number.
            Check.Close("mean", channel, means[channel], expectedMean, 8 * Check.UnitRoundoff / expectedInverse);
            Check.Close("invStd", channel, inverses[channel], expectedInverse, 8 * Check.UnitRoundoff * expectedInverse);
            Normalized(g, channel, x, expectedMean, expectedInverse, scale[channel], shift[channel], y);
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
            Normalized(
                g, channel, x, means[channel], 1 / Math.Sqrt(variances[channel] + epsilon), scale[channel], shift[channel],
                y);
        }
    }

    /// <summary>gradBeta = sum dy, gradGamma = sum dy * xhat,
    /// gradInput = gamma * invStd * (dy - (gradBeta + xhat * gradGamma) / M), from the statistics that forward saved.</summary>
    public static void Backward(
        BatchNormGeometry g, Tensor input, Tensor gamma, Tensor mean, Tensor invStd, Tensor gradOutput, Tensor gradInput,
        Tensor gradGamma, Tensor gradBeta)
    {
        using HostValues x = new(input), dy = new(gradOutput), dx = new(gradInput), scale = new(gamma);
        using HostValues means = new(mean), inverses = new(invStd), dGamma = new(gradGamma), dBeta = new(gradBeta);
        foreach (var channel in Channels(g))
        {
            double center = means[channel], inverse = inverses[channel], count = g.ValuesPerChannel;
            double sum = 0, magnitude = 0, product = 0, productMagnitude = 0;
            for (long i = 0; i < g.ValuesPerChannel; i++)
            {
                var at = Offset(g, channel, i);
                var gradient = dy[at];
                var part = gradient * (x[at] - center) * inverse;
                sum += gradient;
                magnitude += Math.Abs(gradient);
                product += part;
                productMagnitude += Math.Abs(part);
            }

            var sumBound = Check.SumBound(count, magnitude);
            var productBound = Check.SumBound(count, productMagnitude);
            Check.Close("gradBeta", channel, dBeta[channel], sum, sumBound);
            Check.Close("gradGamma", channel, dGamma[channel], product, productBound);
            foreach (var i in Check.Samples(g.ValuesPerChannel, SamplesPerChannel))
            {
                var at = Offset(g, channel, i);
                var normalized = (x[at] - center) * inverse;
                var factor = Math.Abs(scale[channel]) * inverse;
                var expected = scale[channel] * inverse * (dy[at] - (sum + normalized * product) / count);
                var parts = Math.Abs(dy[at]) + (Math.Abs(sum) + Math.Abs(normalized * product)) / count;
                var bound = factor * (Check.SumBound(3, parts) + (sumBound + Math.Abs(normalized) * productBound) / count);
                Check.Close("gradInput", at, dx[at], expected, bound);
            }
        }
    }

    // The first, the last, and one in between.
    private static IEnumerable<int> Channels(BatchNormGeometry g) =>
        new[] { 0, g.Channels / 2, g.Channels - 1 }.Distinct();

    private static long Offset(BatchNormGeometry g, int channel, long value) =>
        (value / g.Spatial * g.Channels + channel) * g.Spatial + value % g.Spatial;

    private static (double Mean, double Variance) Moments(BatchNormGeometry g, HostValues x, int channel)
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

    private static void Normalized(
        BatchNormGeometry g, int channel, HostValues x, double mean, double invStd, double gamma, double beta, HostValues y)
    {
        foreach (var i in Check.Samples(g.ValuesPerChannel, SamplesPerChannel))
        {
            var at = Offset(g, channel, i);
            var scaled = gamma * (x[at] - mean) * invStd;
            // Three roundings, and statistics that are off by 8 * 2^-24 of a deviation.
            Check.Close(
                "output", at, y[at], scaled + beta,
                Check.SumBound(3, Math.Abs(scaled) + Math.Abs(beta)) + 16 * Check.UnitRoundoff * Math.Abs(gamma));
        }
    }
}
