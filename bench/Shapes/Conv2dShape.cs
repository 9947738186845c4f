using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>A convolution of square images with a square kernel, without bias.</summary>
public sealed record Conv2dShape(
    int Batch, int InChannels, int OutChannels, int Size, int Kernel, int Stride = 1, int Padding = 0, int Dilation = 1,
    int Groups = 1)
{
    /// <summary>The seed network's two, those of ResNet-50 v1.5 that differ in kind, and one of them each at a batch that
    /// fills a large GPU, and for a single image; MobileNet's first that takes every channel by itself, ResNeXt-50's in groups,
    /// and a vision transformer's, of patches side by side.</summary>
    public static IReadOnlyList<Conv2dShape> Usual { get; } =
    [
        new(256, 1, 20, 28, 5),
        new(256, 20, 50, 12, 3),
        new(32, 3, 64, 224, 7, Stride: 2, Padding: 3),
        new(32, 64, 64, 56, 3, Padding: 1),
        new(32, 64, 256, 56, 1),
        new(32, 128, 128, 56, 3, Stride: 2, Padding: 1),
        new(32, 256, 256, 14, 3, Padding: 1),
        new(32, 512, 512, 7, 3, Padding: 1),
        new(256, 64, 64, 56, 3, Padding: 1),
        new(1, 256, 256, 14, 3, Padding: 1),
        new(8, 32, 32, 112, 3, Padding: 1, Groups: 32),
        new(8, 256, 256, 28, 3, Padding: 1, Groups: 32),
        new(16, 3, 768, 224, 16, Stride: 16),
    ];

    /// <summary>Those, two more of ResNet-50's, DeepLab's, whose kernel has gaps, and more that take every channel by itself:
    /// MobileNet's that halves the image, its most frequent, and ConvNeXt's of 7 x 7.</summary>
    public static IReadOnlyList<Conv2dShape> All { get; } =
    [
        .. Usual,
        new(32, 64, 64, 56, 1),
        new(32, 128, 128, 28, 3, Padding: 1),
        new(8, 256, 256, 28, 3, Padding: 2, Dilation: 2),
        new(8, 64, 64, 112, 3, Stride: 2, Padding: 1, Groups: 64),
        new(8, 512, 512, 14, 3, Padding: 1, Groups: 512),
        new(8, 384, 384, 14, 7, Padding: 3, Groups: 384),
    ];

    /// <summary>The seed network's.</summary>
    public static IReadOnlyList<Conv2dShape> Quick { get; } = [.. Usual.Take(2)];

    public int OutSize => (Size + 2 * Padding - Dilation * (Kernel - 1) - 1) / Stride + 1;

    /// <summary>The channels of the input that an output sees.</summary>
    public int GroupInChannels => InChannels / Groups;

    public long InputElements => (long)Batch * InChannels * Size * Size;

    public long OutputElements => (long)Batch * OutChannels * OutSize * OutSize;

    public long WeightElements => (long)OutChannels * GroupInChannels * Kernel * Kernel;

    /// <summary>Forward, and each of the two gradients: the same products, and three tensors of which one is the
    /// result.</summary>
    public Work Work => new(
        2 * OutputElements * GroupInChannels * Kernel * Kernel,
        sizeof(float) * (InputElements + WeightElements + OutputElements));

    public ConvGeometry Geometry => new(
        Batch, InChannels, Size, Size, OutChannels, OutSize, OutSize, Kernel, Kernel, Stride, Stride, Padding, Padding,
        Dilation, Dilation, Groups);

    public override string ToString() =>
        $"{Batch}, {InChannels}->{OutChannels}, {Size}x{Size}, k{Kernel}"
        + (Stride == 1 ? "" : $" s{Stride}") + (Padding == 0 ? "" : $" p{Padding}")
        + (Dilation == 1 ? "" : $" d{Dilation}") + (Groups == 1 ? "" : $" g{Groups}");
}
