namespace CudaBn;

/// <summary>
/// Ten kinds of garments drawn by code, 28 x 28 grey, with the classes of <see cref="FashionMnist"/>: something to
/// train on where no data can be had. They are not Fashion-MNIST and are never called so. The same arguments give the
/// same bytes on every machine.
/// </summary>
public static class DrawnGarments
{
    /// <summary>What the images are called in outputs.</summary>
    public const string Name = "drawn garments";

    /// <summary>The ten classes, indexed by label.</summary>
    public static IReadOnlyList<string> ClassNames => FashionMnist.ClassNames;

    /// <summary>Draws a training and a test set that share no image.</summary>
    /// <param name="trainCount">Training images, at least 1.</param>
    /// <param name="testCount">Test images, at least 1.</param>
    /// <param name="seed">Another seed draws other images.</param>
    /// <returns>Images [count, 1, 28, 28]; every ten in a row are of ten classes, in random order.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count is not positive.</exception>
    public static ImageDataSplits Create(int trainCount = 6000, int testCount = 1000, ulong seed = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(trainCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(testCount);
        return new ImageDataSplits(
            Name, "built in", Draw(trainCount, seed, split: 0), Draw(testCount, seed, split: 1), IsBuiltIn: true);
    }

    private static ImageDataset Draw(int count, ulong seed, ulong split)
    {
        const int size = GarmentCanvas.Size * GarmentCanvas.Size;
        var images = new byte[checked(count * size)];
        var labels = DrawLabels(count, new GarmentRandom(seed, split << 32));
        var canvas = new GarmentCanvas();
        for (var row = 0; row < count; row++)
        {
            // A stream of its own for each image: a longer set starts with the images of a shorter one.
            var random = new GarmentRandom(seed, (split << 32) + (ulong)row + 1);
            new GarmentDrawing(canvas, random).Draw(labels[row]);
            canvas.CopyTo(images.AsSpan(row * size, size));
        }

        return new ImageDataset(Name, 1, GarmentCanvas.Size, GarmentCanvas.Size, images, labels, ClassNames);
    }

    private static byte[] DrawLabels(int count, GarmentRandom random)
    {
        var labels = new byte[count];
        Span<byte> classes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        for (var start = 0; start < count; start += classes.Length)
        {
            for (var i = classes.Length - 1; i > 0; i--)
            {
                var other = random.Below(i + 1);
                (classes[i], classes[other]) = (classes[other], classes[i]);
            }

            classes[..Math.Min(classes.Length, count - start)].CopyTo(labels.AsSpan(start));
        }

        return labels;
    }
}
