namespace CudaBn.Cli;

/// <summary>Reads PNG, JPEG and IDX files, told apart by what they hold, as images of one shape: scaled until they cover its
/// size and cropped at their middle, colors made grey or grey made colors where the shape has others.</summary>
internal sealed class ImageReader
{
    private readonly ImageDecoder _decoder;
    private readonly bool _inverts;

    /// <param name="shape">The images that are wanted.</param>
    /// <param name="inverts">Whether black becomes white, and white black.</param>
    /// <exception cref="UsageException">The shape has neither one channel nor three.</exception>
    public ImageReader(ImageShape shape, bool inverts)
    {
        if (shape.Channels is not (1 or 3))
            throw new UsageException($"expected a network of grey or RGB images, got one of {shape}.");
        _decoder = new ImageDecoder(
            (shape.Height, shape.Width), shape.Channels == 1 ? ImageColor.Grey : ImageColor.Rgb, isExact: false);
        _inverts = inverts;
    }

    private delegate void Filler(Span<byte> destination);

    /// <summary>Reads all images of some files, in their order, some at a time.</summary>
    /// <param name="files">The files.</param>
    /// <param name="count">How many images at a time.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public IEnumerable<ReadImages> Read(IEnumerable<string> files, int count, CancellationToken cancellation) =>
        files.SelectMany(ImagesOf).Chunk(count).Select(images => Read(images, cancellation));

    private ReadImages Read(Source[] sources, CancellationToken cancellation)
    {
        var size = _decoder.ByteCount;
        var pixels = GC.AllocateUninitializedArray<byte>(checked(sources.Length * size));
        var faults = new Exception?[sources.Length];
        var options = new ParallelOptions
        {
            CancellationToken = cancellation,
            MaxDegreeOfParallelism = Environment.ProcessorCount,
        };
        Parallel.For(0, sources.Length, options, i =>
        {
            try
            {
                sources[i].Fill(pixels.AsSpan(i * size, size));
            }
            catch (Exception fault) when (IsFaultOfFile(fault))
            {
                faults[i] = fault;
            }
        });

        var names = new List<(string File, int Index)>();
        var failed = new List<FailedImage>();
        for (var i = 0; i < sources.Length; i++)
        {
            var (file, index, _) = sources[i];
            if (faults[i] is { } fault)
            {
                failed.Add(new FailedImage(file, index, fault.Message));
                continue;
            }

            // Close up to those before.
            pixels.AsSpan(i * size, size).CopyTo(pixels.AsSpan(names.Count * size));
            names.Add((file, index));
        }

        var read = pixels.AsMemory(0, names.Count * size);
        if (_inverts)
            Invert(read.Span);
        return new ReadImages(names, read, failed);
    }

    private IEnumerable<Source> ImagesOf(string file)
    {
        try
        {
            if (!IsIdx(file))
                return [new Source(file, 0, destination => _decoder.Decode(file, destination))];

            var images = IdxReader.ReadImages(file);
            return Enumerable.Range(0, images.Count)
                .Select(i => new Source(file, i, destination => Fit(images, i, destination)));
        }
        catch (Exception fault) when (IsFaultOfFile(fault))
        {
            return [new Source(file, 0, _ => throw fault)];
        }
    }

    private static bool IsIdx(string file)
    {
        if (Directory.Exists(file))
            throw new InvalidDataException($"{file}: expected a PNG, JPEG or IDX file, found a folder.");
        if (!File.Exists(file))
            throw new FileNotFoundException($"{file}: there is no such file.");

        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read);
        Span<byte> start = stackalloc byte[2];
        var read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        // Two zeros, or gzip.
        return read == start.Length && start is [0, 0] or [0x1F, 0x8B];
    }

    private void Fit(IdxImages images, int index, Span<byte> destination)
    {
        var size = images.Height * images.Width;
        var plane = _decoder.Size.Height * _decoder.Size.Width;
        CoveringResize.Run(
            images.Pixels.Span.Slice(index * size, size), images.Height, images.Width, destination[..plane], _decoder.Size);
        for (var channel = 1; channel < _decoder.Channels; channel++)
            destination[..plane].CopyTo(destination[(channel * plane)..]);
    }

    private static void Invert(Span<byte> pixels)
    {
        foreach (ref var pixel in pixels)
            pixel = (byte)(byte.MaxValue - pixel);
    }

    private static bool IsFaultOfFile(Exception fault) =>
        fault is InvalidDataException or IOException or UnauthorizedAccessException;

    /// <summary>An image yet to be read.</summary>
    private readonly record struct Source(string File, int Index, Filler Fill);
}
