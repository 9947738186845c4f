using System.Security.Cryptography;

namespace CudaBn;

/// <summary>Labelled images of one size, kept as bytes; scaled to floating point only when a batch is made.</summary>
public sealed class ImageDataset
{
    /// <summary>Wraps images and labels. The memory is not copied and must not change afterwards.</summary>
    /// <param name="name">What the images are called in messages and outputs.</param>
    /// <param name="channels">Channels per image, at least 1.</param>
    /// <param name="height">Rows per image, at least 1.</param>
    /// <param name="width">Columns per image, at least 1.</param>
    /// <param name="images">[count, channels, height, width], row-major.</param>
    /// <param name="labels">[count], each an index into <paramref name="classNames"/>; at least one.</param>
    /// <param name="classNames">The name of each class, 1 to 256 of them.</param>
    /// <exception cref="ArgumentException">
    /// A size is not positive, there are no images, the bytes are not count x channels x height x width, or a label
    /// has no class (the message names row and label).
    /// </exception>
    public ImageDataset(
        string name,
        int channels,
        int height,
        int width,
        ReadOnlyMemory<byte> images,
        ReadOnlyMemory<byte> labels,
        IReadOnlyList<string> classNames)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentNullException.ThrowIfNull(classNames);
        if (classNames.Count is 0 or > 256)
            throw new ArgumentException(
                $"{name}: expected 1 to 256 class names, got {classNames.Count}.", nameof(classNames));
        if (labels.IsEmpty)
            throw new ArgumentException($"{name}: a dataset needs at least one image, got none.", nameof(labels));

        var expected = (Int128)labels.Length * channels * height * width;
        if (images.Length != expected)
            throw new ArgumentException(
                $"{name}: {labels.Length} images of [{channels}, {height}, {width}] are {expected} bytes, " +
                $"got {images.Length}.",
                nameof(images));

        var stray = labels.Span.IndexOfAnyExceptInRange((byte)0, (byte)(classNames.Count - 1));
        if (stray >= 0)
            throw new ArgumentException(
                $"{name}: row {stray} has label {labels.Span[stray]}, expected 0 to {classNames.Count - 1}.",
                nameof(labels));

        Name = name;
        Channels = channels;
        Height = height;
        Width = width;
        Images = images;
        Labels = labels;
        ClassNames = classNames;
    }

    /// <summary>What the images are called in messages and outputs.</summary>
    public string Name { get; }

    /// <summary>The number of images, at least 1.</summary>
    public int Count => Labels.Length;

    /// <summary>Channels per image.</summary>
    public int Channels { get; }

    /// <summary>Rows per image.</summary>
    public int Height { get; }

    /// <summary>Columns per image.</summary>
    public int Width { get; }

    /// <summary>[Count, Channels, Height, Width], row-major, 0 to 255.</summary>
    public ReadOnlyMemory<byte> Images { get; }

    /// <summary>[Count], each below the number of <see cref="ClassNames"/>.</summary>
    public ReadOnlyMemory<byte> Labels { get; }

    /// <summary>The name of each class, indexed by label.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>The SHA-256 of all images and labels in hexadecimal digits, worked out once: whether two data sets are the
    /// same.</summary>
    internal string Sha256
    {
        get
        {
            if (field is null)
            {
                using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                hash.AppendData(Images.Span);
                hash.AppendData(Labels.Span);
                field = Convert.ToHexStringLower(hash.GetHashAndReset());
            }

            return field;
        }
    }

    /// <summary>Reads a pair of IDX files, plain or gzip-compressed, as images of one channel.</summary>
    /// <param name="name">What the images are called in messages and outputs.</param>
    /// <param name="imagesPath">An IDX file of unsigned bytes, [count, height, width].</param>
    /// <param name="labelsPath">An IDX file of unsigned bytes, [count].</param>
    /// <param name="classNames">The name of each class, 1 to 256 of them.</param>
    /// <returns>The dataset [count, 1, height, width].</returns>
    /// <exception cref="InvalidDataException">
    /// A file is broken, the two hold different counts, or a label has no class.
    /// </exception>
    /// <exception cref="FileNotFoundException">A file is not there.</exception>
    public static ImageDataset FromIdx(
        string name, string imagesPath, string labelsPath, IReadOnlyList<string> classNames)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(classNames);
        if (classNames.Count is 0 or > 256)
            throw new ArgumentException(
                $"{name}: expected 1 to 256 class names, got {classNames.Count}.", nameof(classNames));

        var labels = IdxReader.ReadLabels(labelsPath);
        var stray = labels.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)(classNames.Count - 1));
        if (stray >= 0)
            throw new InvalidDataException(
                $"{labelsPath}: offset {IdxReader.LabelsOffset + stray}: expected a label of 0 to " +
                $"{classNames.Count - 1}, found {labels[stray]} in row {stray}.");

        var images = IdxReader.ReadImages(imagesPath);
        if (images.Count != labels.Length)
            throw new InvalidDataException(
                $"{imagesPath}: offset 4: expected {labels.Length} images, one for each label of {labelsPath}, " +
                $"found {images.Count}.");

        return new ImageDataset(name, 1, images.Height, images.Width, images.Pixels, labels, classNames);
    }

    /// <summary>The bytes of one image, [Channels, Height, Width].</summary>
    /// <param name="index">The row, 0 to <see cref="Count"/> - 1.</param>
    /// <returns>A view into <see cref="Images"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public ReadOnlySpan<byte> Image(int index)
    {
        if ((uint)index >= (uint)Count)
            throw new ArgumentOutOfRangeException(
                nameof(index), index, $"{Name}: expected a row of 0 to {Count - 1}, got {index}.");

        var size = Channels * Height * Width;
        return Images.Span.Slice(index * size, size);
    }

    /// <summary>The mean of every channel over all pixels of all images, each a byte over 255. Exact but for the last
    /// rounding.</summary>
    /// <returns>[<see cref="Channels"/>], 0 to 1.</returns>
    public double[] ChannelMeans() => Array.ConvertAll(ChannelSums(), sums => (double)sums.Sum / sums.Count / 255);

    /// <summary>The standard deviation of every channel over all pixels of all images, each a byte over 255: with 1/M, not
    /// 1/(M - 1). Computed from exact sums.</summary>
    /// <returns>[<see cref="Channels"/>], 0 to 0.5.</returns>
    public double[] ChannelStds() => Array.ConvertAll(
        ChannelSums(),
        // In whole numbers, for in floating point the difference of two large ones would be lost.
        sums => Math.Sqrt((double)((Int128)sums.Count * sums.Squares - (Int128)sums.Sum * sums.Sum)) / sums.Count / 255);

    /// <summary>The first images of this set.</summary>
    /// <param name="count">How many, at least 1; more than there are gives the whole set.</param>
    /// <returns>A view of the same memory, or this set itself.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is not positive.</exception>
    public ImageDataset Take(int count)
    {
        if (count <= 0)
            throw new ArgumentOutOfRangeException(
                nameof(count), count, $"{Name}: expected to take at least 1 image, got {count}.");
        if (count >= Count)
            return this;

        var size = Channels * Height * Width;
        return new ImageDataset(Name, Channels, Height, Width, Images[..(count * size)], Labels[..count], ClassNames);
    }
    private (long Count, long Sum, long Squares)[] ChannelSums()
    {
        var sums = new (long Count, long Sum, long Squares)[Channels];
        Span<long> levels = stackalloc long[256];
        var plane = Height * Width;
        for (var channel = 0; channel < Channels; channel++)
        {
            levels.Clear();
            for (var image = 0; image < Count; image++)
            {
                foreach (var level in Image(image).Slice(channel * plane, plane))
                    levels[level]++;
            }

            for (var level = 0; level < levels.Length; level++)
            {
                sums[channel].Count += levels[level];
                sums[channel].Sum += levels[level] * level;
                sums[channel].Squares += levels[level] * level * level;
            }
        }

        return sums;
    }
}
