namespace CudaBn;

/// <summary>A residual network of 18 layers.</summary>
/// <remarks>He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015, table 1: four stages of two blocks
/// with 64, 128, 256 and 512 channels. Shortcuts that change the shape are convolutions of 1 x 1 with batch
/// normalization.</remarks>
public static class ResNet18
{
    /// <summary>Describes the network.</summary>
    /// <param name="inChannels">Channels of the images.</param>
    /// <param name="classes">How many classes there are.</param>
    /// <param name="smallImages">Whether the network begins with a convolution of 3 x 3, as is usual for images of 32 x 32,
    /// instead of one of 7 x 7 with stride 2 and a max-pooling, made for ImageNet.</param>
    /// <returns>The network, not initialized: images [N, inChannels, H, W] to logits [N, classes].</returns>
    /// <exception cref="ArgumentException">A number is not positive.</exception>
    public static Sequential Create(int inChannels = 3, int classes = 1000, bool smallImages = false)
    {
        Layer[] pool = smallImages ? [] : [new MaxPool2d(3, stride: 2, padding: 1)];
        return new Sequential(
        [
            smallImages
                ? ResNetLayers.Convolution(inChannels, 64, kernel: 3)
                : ResNetLayers.Convolution(inChannels, 64, kernel: 7, stride: 2),
            new BatchNorm(64),
            new ReLU(),
            .. pool,
            ResNetLayers.Stage("layer1", 64, 64, blocks: 2, stride: 1),
            ResNetLayers.Stage("layer2", 64, 128, blocks: 2, stride: 2),
            ResNetLayers.Stage("layer3", 128, 256, blocks: 2, stride: 2),
            ResNetLayers.Stage("layer4", 256, 512, blocks: 2, stride: 2),
            .. ResNetLayers.Head(512, classes),
        ]);
    }
}
