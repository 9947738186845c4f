namespace CudaBn;

/// <summary>A residual network of 20 layers for small images such as CIFAR's.</summary>
/// <remarks>He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015, section 4.2, with n = 3: a
/// convolution of 16 channels, three stages of three blocks with 16, 32 and 64 channels, the last two at half the size of
/// the one before, global average pooling and a dense layer. Shortcuts that change the shape are convolutions of 1 x 1 with
/// batch normalization (the paper's option B).</remarks>
public static class ResNet20
{
    /// <summary>Describes the network.</summary>
    /// <param name="inChannels">Channels of the images.</param>
    /// <param name="classes">How many classes there are.</param>
    /// <returns>The network, not initialized: images [N, inChannels, H, W] to logits [N, classes].</returns>
    /// <exception cref="ArgumentException">A number is not positive.</exception>
    public static Sequential Create(int inChannels = 3, int classes = 10) => new(
    [
        ResNetLayers.Convolution(inChannels, 16, kernel: 3),
        new BatchNorm(16),
        new ReLU(),
        ResNetLayers.Stage("layer1", 16, 16, blocks: 3, stride: 1),
        ResNetLayers.Stage("layer2", 16, 32, blocks: 3, stride: 2),
        ResNetLayers.Stage("layer3", 32, 64, blocks: 3, stride: 2),
        .. ResNetLayers.Head(64, classes),
    ]);
}
