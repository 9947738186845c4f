namespace CudaBn.Bench;

/// <summary>Max-pooling of square images with square windows.</summary>
public sealed record MaxPool2dShape(int Batch, int Channels, int Size, int Window, int Stride, int Padding = 0)
    : Pool2dShape(Batch, Channels, Size, Window, Stride, Padding)
{
    /// <summary>The seed network's two.</summary>
    public static IReadOnlyList<MaxPool2dShape> Quick { get; } = [new(256, 20, 24, 2, 2), new(256, 50, 10, 2, 2)];

    /// <summary>Those, ResNet-50's, whose windows overlap, and one of Inception's, which keeps the size.</summary>
    public static IReadOnlyList<MaxPool2dShape> Usual { get; } =
        [.. Quick, new(32, 64, 112, 3, 2, Padding: 1), new(32, 512, 14, 3, 1, Padding: 1)];

    /// <summary>Those, and ResNet-50's at a batch that fills a large GPU.</summary>
    public static IReadOnlyList<MaxPool2dShape> All { get; } = [.. Usual, new(256, 64, 112, 3, 2, Padding: 1)];

    /// <summary>A comparison for every value of a window but the first; the input read, the output and the places of the
    /// maxima, a byte each, written.</summary>
    public Work Forward => new(
        OutputElements * (Window * Window - 1L), sizeof(float) * (InputElements + OutputElements) + OutputElements);

    /// <summary>An addition for every output; its gradient and its place read, the input's gradient written.</summary>
    public Work Backward => new(OutputElements, Forward.Bytes);
}
