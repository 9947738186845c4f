using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>The chain of batch norm, ReLU and max-pooling by its formulas.</summary>
public static class BatchNormReLUMaxPoolCheck
{
    private const int SampledPlanes = 6;

    public static void Forward(
        BatchNormGeometry g, PoolGeometry pool, Tensor input, Tensor gamma, Tensor beta, Tensor output, Tensor mean,
        Tensor invStd, Tensor argMax)
    {
        using HostValues scale = new(gamma), shift = new(beta), means = new(mean), inverses = new(invStd);
        MaxPool2dCheck.NormalizedForward(pool, input, output, argMax, (value, plane) =>
        {
            var channel = plane % g.Channels;
            var scaled = scale[channel] * (value - means[channel]) * inverses[channel];
            return (scaled + shift[channel], Check.SumBound(3, Math.Abs(scaled) + Math.Abs(shift[channel])));
        });
    }

    /// <summary>Batch norm's gradient of an output gradient that is zero but where a maximum passed.</summary>
    public static void Backward(
        BatchNormGeometry g, PoolGeometry pool, Tensor input, Tensor gamma, Tensor mean, Tensor invStd, Tensor argMax,
        Tensor gradOutput, Tensor gradInput, Tensor gradGamma, Tensor gradBeta)
    {
        using HostValues x = new(input), dy = new(gradOutput), dx = new(gradInput), places = new(argMax);
        using HostValues scale = new(gamma), means = new(mean), inverses = new(invStd);
        using HostValues dGamma = new(gradGamma), dBeta = new(gradBeta);
        long outputs = (long)pool.OutHeight * pool.OutWidth;
        var gradients = new double[g.Spatial];
        foreach (var channel in new[] { 0, g.Channels - 1 })
        {
            double center = means[channel], inverse = inverses[channel], count = g.ValuesPerChannel;
            double sum = 0, magnitude = 0, product = 0, productMagnitude = 0;
            for (var image = 0; image < g.Batch; image++)
            {
                var plane = (long)image * g.Channels + channel;
                Spread(pool, plane, dy, places, gradients);
                for (var i = 0; i < gradients.Length; i++)
                {
                    var part = gradients[i] * (x[plane * g.Spatial + i] - center) * inverse;
                    sum += gradients[i];
                    magnitude += Math.Abs(gradients[i]);
                    product += part;
                    productMagnitude += Math.Abs(part);
                }
            }

            double sumBound = Check.SumBound(outputs * g.Batch, magnitude);
            var productBound = Check.SumBound(outputs * g.Batch, productMagnitude);
            Check.Close("gradBeta", channel, dBeta[channel], sum, sumBound);
            Check.Close("gradGamma", channel, dGamma[channel], product, productBound);
            for (var sample = 0; sample < SampledPlanes; sample++)
            {
                var plane = (long)sample * (g.Batch - 1) / (SampledPlanes - 1) * g.Channels + channel;
                Spread(pool, plane, dy, places, gradients);
                for (var i = 0; i < gradients.Length; i++)
                {
                    var normalized = (x[plane * g.Spatial + i] - center) * inverse;
                    var expected = scale[channel] * inverse * (gradients[i] - (sum + normalized * product) / count);
                    var parts = Math.Abs(gradients[i]) + (Math.Abs(sum) + Math.Abs(normalized * product)) / count;
                    var bound = Math.Abs(scale[channel]) * inverse
                        * (Check.SumBound(3, parts) + (sumBound + Math.Abs(normalized) * productBound) / count);
                    Check.Close("gradInput", plane * g.Spatial + i, dx[plane * g.Spatial + i], expected, bound);
                }
            }
        }
    }

    private static void Spread(PoolGeometry pool, long plane, HostValues dy, HostValues places, double[] gradients)
    {
        Array.Clear(gradients);
        for (var y = 0; y < pool.OutHeight; y++)
        {
            for (var x = 0; x < pool.OutWidth; x++)
            {
                var window = (plane * pool.OutHeight + y) * pool.OutWidth + x;
                var place = (int)places[window];
                if (place == BatchNormReLUMaxPoolForwardArgs.Rectified)
                    continue;
                var (i, j) = Math.DivRem(place, pool.WindowWidth);
                gradients[(y * pool.StrideY + i) * pool.InWidth + x * pool.StrideX + j] += dy[window];
            }
        }
    }
}
