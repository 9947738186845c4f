using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>A convolution of square images with a square kernel, without bias.</summary>
public sealed record Conv2dShape(
    int Batch, int InChannels, int OutChannels, int Size, int Kernel, int Stride = 1, int Padding = 0)
{
    /// <summary>The seed network's two, those of ResNet-50 v1.5 that differ in kind, and one of them at a batch that
    /// fills a large GPU.</summary>
    public static IReadOnlyList<Conv2dShape> All { get; } =
    [
        new(256, 1, 20, 28, 5),
        new(256, 20, 50, 12, 3),
        new(32, 3, 64, 224, 7, Stride: 2, Padding: 3),
        new(32, 64, 64, 56, 1),
        new(32, 64, 64, 56, 3, Padding: 1),
        new(32, 64, 256, 56, 1),
        new(32, 128, 128, 56, 3, Stride: 2, Padding: 1),
        new(32, 128, 128, 28, 3, Padding: 1),
        new(32, 256, 256, 14, 3, Padding: 1),
        new(32, 512, 512, 7, 3, Padding: 1),
        new(256, 64, 64, 56, 3, Padding: 1),
    ];

    /// <summary>The seed network's.</summary>
    public static IReadOnlyList<Conv2dShape> Quick { get; } = [.. All.Take(2)];

    public int OutSize => (Size + 2 * Padding - Kernel) / Stride + 1;

    public long InputElements => (long)Batch * InChannels * Size * Size;

    public long OutputElements => (long)Batch * OutChannels * OutSize * OutSize;

    public long WeightElements => (long)OutChannels * InChannels * Kernel * Kernel;

    /// <summary>Forward, and each of the two gradients: the same products, and three tensors of which one is the
    /// result.</summary>
    public Work Work => new(
        2 * OutputElements * InChannels * Kernel * Kernel,
        sizeof(float) * (InputElements + WeightElements + OutputElements));

    public ConvGeometry Geometry => new(
        Batch, InChannels, Size, Size, OutChannels, OutSize, OutSize, Kernel, Kernel, Stride, Stride, Padding, Padding);

    public override string ToString() =>
        $"{Batch}, {InChannels}->{OutChannels}, {Size}x{Size}, k{Kernel}"
        + (Stride == 1 ? "" : $" s{Stride}") + (Padding == 0 ? "" : $" p{Padding}");
}
