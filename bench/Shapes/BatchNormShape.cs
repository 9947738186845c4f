using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>Batch, channels and values per channel and image.</summary>
public sealed record BatchNormShape(int Batch, int Channels, params IReadOnlyList<int> Sizes)
{
    private string? _text;

    /// <summary>The seed network's two, ResNet-50's at two batch sizes, and those on which other libraries fall far
    /// behind: few channels of many values, one channel, more than a gigabyte, and next to nothing; and the seed network's
    /// first with channels last.</summary>
    public static IReadOnlyList<BatchNormShape> Usual { get; } =
    [
        new(256, 20, 24, 24),
        new(256, 50, 10, 10),
        new(32, 64, 112, 112),
        new(256, 64, 112, 112),
        new(20, 6, 65536),
        new(2_000_000, 1, 3),
        new(4, 128, 1024, 1024),
        new(8, 64, 32, 32),
        ChannelsLast(256, 20, 24, 24),
    ];

    /// <summary>Those, the last of ResNet-50's, one of its others with channels last, and a small and a large dense layer's.</summary>
    public static IReadOnlyList<BatchNormShape> All { get; } =
        [.. Usual, new(32, 2048, 7, 7), ChannelsLast(32, 64, 56, 56), new(256, 128), new(4096, 1024)];

    /// <summary>The seed network's.</summary>
    public static IReadOnlyList<BatchNormShape> Quick { get; } = [.. Usual.Take(2)];

    // Computed once: what a benchmark runs must not allocate.
    public long Spatial { get; } = Sizes.Aggregate(1L, (product, size) => product * size);

    public long Elements => Batch * Channels * Spatial;

    /// <summary>Per element, for the statistics: subtract the origin, add, multiply-add the square; to normalize:
    /// subtract, multiply-add. Read once and written once, as where a channel stays in the caches in between.</summary>
    public Work Forward => new(7 * Elements, 2 * sizeof(float) * Elements);

    /// <summary>Per element, for the two sums: add, subtract the mean, multiply-add; for the gradient: subtract, multiply,
    /// subtract, multiply-add, multiply. Two tensors read once, one written.</summary>
    public Work Backward => new(10 * Elements, 3 * sizeof(float) * Elements);

    /// <summary>Per element: subtract, multiply-add.</summary>
    public Work Evaluate => new(3 * Elements, 2 * sizeof(float) * Elements);

    public BatchNormGeometry Geometry => new(Batch, Channels, Spatial);

    /// <summary>[N, C, ...].</summary>
    public Shape TensorShape => new([Batch, Channels, .. Sizes]);

    public bool Equals(BatchNormShape? other) => other is not null && ToString() == other.ToString();

    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    public override string ToString() => _text ?? string.Join('x', [Batch, Channels, .. Sizes]);

    /// <summary>Images [N, ..., C], which batch norm sees as a matrix [N * ..., C].</summary>
    private static BatchNormShape ChannelsLast(int batch, int channels, params IReadOnlyList<int> sizes) =>
        new(sizes.Aggregate(batch, (product, size) => product * size), channels)
        {
            _text = $"{string.Join('x', [batch, .. sizes, channels])}, channels last",
        };
}
