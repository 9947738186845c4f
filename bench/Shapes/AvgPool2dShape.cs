namespace CudaBn.Bench;

/// <summary>Average pooling of square images with square windows.</summary>
public sealed record AvgPool2dShape(int Batch, int Channels, int Size, int Window, int Stride, int Padding = 0)
    : Pool2dShape(Batch, Channels, Size, Window, Stride, Padding)
{
    /// <summary>Windows side by side, at the size of the seed network's first pooling.</summary>
    public static IReadOnlyList<AvgPool2dShape> Quick { get; } = [new(256, 20, 24, 2, 2)];

    /// <summary>Those, and overlapping windows at the size of ResNet-50's max-pooling.</summary>
    public static IReadOnlyList<AvgPool2dShape> Usual { get; } = [.. Quick, new(32, 64, 112, 3, 2, Padding: 1)];

    /// <summary>Those, and Inception's, which keeps the size.</summary>
    public static IReadOnlyList<AvgPool2dShape> All { get; } =
        [.. Usual, new(32, 192, 28, 3, 1, Padding: 1)];

    /// <summary>Whole images, at the end of ResNet-20.</summary>
    public static IReadOnlyList<AvgPool2dShape> GlobalQuick { get; } = [Global(128, 64, 7)];

    /// <summary>Whole images, at the end of ResNet-50.</summary>
    public static IReadOnlyList<AvgPool2dShape> GlobalUsual { get; } = [Global(32, 2048, 7)];

    /// <summary>Those, and larger images.</summary>
    public static IReadOnlyList<AvgPool2dShape> GlobalAll { get; } =
        [.. GlobalQuick, .. GlobalUsual, Global(32, 256, 56)];

    /// <summary>An addition for every value of a window but the first, and a multiplication; the input read, the output
    /// written.</summary>
    public Work Forward => new(OutputElements * Window * Window, sizeof(float) * (InputElements + OutputElements));

    /// <summary>A multiplication for every output, and an addition for every value of its window; the output's gradient read,
    /// the input's written.</summary>
    public Work Backward => new(OutputElements * (Window * Window + 1L), Forward.Bytes);

    private static AvgPool2dShape Global(int batch, int channels, int size) => new(batch, channels, size, size, size);
}
