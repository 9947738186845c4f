using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>Batch norm of every so many images by themselves.</summary>
public static class VirtualBatchNormCheck
{
    /// <param name="g">The sizes of a virtual batch.</param>
    public static void Forward(
        BatchNormGeometry g, Tensor input, Tensor gamma, Tensor beta, double epsilon, Tensor output)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        using HostValues scale = new(gamma), shift = new(beta);
        for (var part = 0; part < Parts(g, input); part++)
        {
            using HostValues x = Part(g, input, part), y = Part(g, output, part);
            foreach (var channel in BatchNormCheck.Channels(g))
            {
                var (mean, variance) = BatchNormCheck.Moments(g, x, channel);
                BatchNormCheck.Output(
                    g, channel, x, mean, 1 / Math.Sqrt(variance + epsilon), scale[channel], shift[channel], y);
            }
        }
    }

    /// <summary>The gradients of gamma and beta add up over the virtual batches.</summary>
    /// <param name="g">The sizes of a virtual batch.</param>
    public static void Backward(
        BatchNormGeometry g, Tensor input, Tensor gamma, double epsilon, Tensor gradOutput, Tensor gradInput,
        Tensor gradGamma, Tensor gradBeta)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(gradOutput);
        ArgumentNullException.ThrowIfNull(gradInput);
        using HostValues scale = new(gamma), dGamma = new(gradGamma), dBeta = new(gradBeta);
        foreach (var channel in BatchNormCheck.Channels(g))
        {
            double sum = 0, sumBound = 0, product = 0, productBound = 0;
            for (var part = 0; part < Parts(g, input); part++)
            {
                using HostValues x = Part(g, input, part), dy = Part(g, gradOutput, part), dx = Part(g, gradInput, part);
                var (mean, variance) = BatchNormCheck.Moments(g, x, channel);
                var gradients = new BatchNormGradients(
                    g, channel, x, mean, 1 / Math.Sqrt(variance + epsilon), dy, rectified: null);
                sum += gradients.Sum;
                sumBound += gradients.SumBound;
                product += gradients.Product;
                productBound += gradients.ProductBound;
                foreach (var i in Check.Samples(g.ValuesPerChannel))
                {
                    var at = BatchNormCheck.Offset(g, channel, i);
                    var (expected, bound) = gradients.Input(at, scale[channel]);
                    Check.Close("gradInput", at, dx[at], expected, bound);
                }
            }

            Check.Close("gradBeta", channel, dBeta[channel], sum, sumBound);
            Check.Close("gradGamma", channel, dGamma[channel], product, productBound);
        }
    }

    private static int Parts(BatchNormGeometry g, Tensor whole) => (int)(whole.Shape[0] / g.Batch);

    private static HostValues Part(BatchNormGeometry g, Tensor whole, int part)
    {
        Shape shape = [(int)g.Batch, g.Channels, (int)g.Spatial];
        return new HostValues(whole.Part(part * g.Batch * g.Channels * g.Spatial, shape));
    }
}
