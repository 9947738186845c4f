namespace CudaBn.Bench;

/// <summary>Images of which every so many are normalized by themselves.</summary>
/// <param name="Size">Images of a virtual batch; it divides the batch.</param>
public sealed record VirtualBatchNormShape(int Batch, int Channels, int ImageSize, int Size)
{
    /// <summary>The seed network's first.</summary>
    public static IReadOnlyList<VirtualBatchNormShape> Usual { get; } = [new(256, 20, 24, Size: 32)];

    /// <summary>That and the seed network's second, and more and larger images.</summary>
    public static IReadOnlyList<VirtualBatchNormShape> All { get; } =
        [.. Usual, new(256, 50, 10, Size: 32), new(256, 64, 56, Size: 32)];

    /// <summary>All images in one: what has to be done is the same.</summary>
    public BatchNormShape Whole => new(Batch, Channels, ImageSize, ImageSize);

    /// <summary>A virtual batch.</summary>
    public BatchNormShape Part => new(Size, Channels, ImageSize, ImageSize);

    public override string ToString() => $"{Whole} by {Size}";
}
