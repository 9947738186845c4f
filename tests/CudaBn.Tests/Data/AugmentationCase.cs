using FsCheck;
using FsCheck.Fluent;

namespace CudaBn.Tests.Data;

/// <summary>One data set and how batches are made of it. The label of an image is its number.</summary>
public sealed record AugmentationCase(
    int Count, int Channels, int Height, int Width, int Padding, bool Flips, bool Normalizes, double Divisor,
    int BatchSize, bool Shuffles, ulong Seed, int Epoch)
{
    public static Arbitrary<AugmentationCase> Random => Arb.From(
        from count in Gen.Choose(1, 40)
        from channels in Gen.Choose(1, 4)
        from height in Gen.Choose(1, 17)
        from width in Gen.Choose(1, 17)
        from padding in Gen.Choose(0, Math.Min(height, width) - 1)
        from flips in Gen.Elements(true, false)
        from normalizes in Gen.Elements(true, false)
        from divisor in Gen.Elements(255, 1, -0.3)
        from batchSize in Gen.Choose(1, 45)
        from shuffles in Gen.Elements(true, false)
        from seed in Gen.Elements(0UL, 1UL, 77UL, 1UL << 32, ulong.MaxValue)
        from epoch in Gen.Choose(0, 1000)
        select new AugmentationCase(
            count, channels, height, width, padding, flips, normalizes, divisor, batchSize, shuffles, seed, epoch));

    public double[]? Means => Normalizes ? [.. Enumerable.Range(0, Channels).Select(i => 0.4 + 0.01 * i)] : null;

    public double[]? Stds => Normalizes ? [.. Enumerable.Range(0, Channels).Select(i => 0.25 / (1 + i))] : null;

    public ImageDataset Dataset() => new(
        "numbered", Channels, Height, Width, IdxBytes.Random(Count, Count * Channels * Height * Width),
        Enumerable.Range(0, Count).Select(i => (byte)i).ToArray(),
        [.. Enumerable.Range(0, Count).Select(i => $"image {i}")]);

    public DataLoader Loader(ImageDataset dataset, Device device, DType dtype) => new(
        dataset, BatchSize, device, dtype, Shuffles, Seed, divisor: Divisor,
        augmentation: new Augmentation(Padding, Flips),
        normalization: Normalizes ? new Normalization(Means!, Stds!) : null)
    { NextEpoch = Epoch };
}
