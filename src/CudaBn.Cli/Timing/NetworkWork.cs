namespace CudaBn.Cli;

/// <summary>Floating-point operations of a network, a multiply-add counted as two. Convolutions and dense layers only:
/// all else is bound by memory.</summary>
internal static class NetworkWork
{
    /// <summary>Of one pass forward.</summary>
    /// <param name="model">Conv2d, BatchNorm, ReLU, MaxPool2d, Flatten and Linear layers.</param>
    /// <param name="input">[N, C, H, W].</param>
    public static long Forward(Sequential model, Shape input) => OfLayers(model, input).Sum();

    /// <summary>Of one training step: forward, the gradients by all weights, and those by all inputs but the
    /// first.</summary>
    /// <inheritdoc cref="Forward"/>
    public static long TrainingStep(Sequential model, Shape input)
    {
        var layers = OfLayers(model, input);
        var first = layers[0];
        return (3 * layers.Sum()) - first;
    }

    /// <summary>Of one pass forward through one convolution.</summary>
    public static long Convolution(
        int batch, int inChannels, int outChannels, Size2d kernel, int outHeight, int outWidth) =>
        2L * batch * outChannels * outHeight * outWidth * inChannels * kernel.Height * kernel.Width;

    /// <summary>Of one pass forward through one dense layer.</summary>
    public static long Dense(int batch, int inFeatures, int outFeatures) => 2L * batch * inFeatures * outFeatures;

    private static List<long> OfLayers(Sequential model, Shape input)
    {
        var work = new List<long>();
        var (batch, height, width) = (input[0], input[2], input[3]);
        foreach (var layer in model.Layers)
        {
            switch (layer)
            {
                case Conv2d conv:
                    (height, width) = (
                        Windows(height, conv.Kernel.Height, conv.Stride.Height, conv.Padding.Height),
                        Windows(width, conv.Kernel.Width, conv.Stride.Width, conv.Padding.Width));
                    work.Add(Convolution(batch, conv.InChannels, conv.OutChannels, conv.Kernel, height, width));
                    break;
                case MaxPool2d pool:
                    (height, width) = (
                        Windows(height, pool.Window.Height, pool.Stride.Height, pool.Padding.Height),
                        Windows(width, pool.Window.Width, pool.Stride.Width, pool.Padding.Width));
                    break;
                case Linear linear:
                    work.Add(Dense(batch, linear.InFeatures, linear.OutFeatures));
                    break;
                case BatchNorm or ReLU or Flatten:
                    break;
                default:
                    throw new ArgumentException($"The work of a {layer.GetType().Name} is not known.", nameof(model));
            }
        }

        return work;
    }

    private static int Windows(int size, int window, int stride, int padding) =>
        ((size + (2 * padding) - window) / stride) + 1;
}
