using System.Buffers.Binary;

namespace CudaBn;

/// <summary>
/// Reads IDX files, the format of MNIST and its relatives, plain or gzip-compressed (told apart by content, not by
/// name). A file's size is compared with its header before memory for its content is taken, so that a broken header
/// costs nothing.
/// </summary>
public static class IdxReader
{
    // IDX: two zero bytes, element type, number of dimensions, each dimension as a big-endian uint32, the elements.
    private const uint ImagesMagic = 0x00000803;
    private const uint LabelsMagic = 0x00000801;

    internal const int LabelsOffset = 8;

    /// <summary>Reads a file of images: unsigned bytes, three dimensions.</summary>
    /// <param name="path">The file, plain or gzip-compressed.</param>
    /// <returns>The images [count, height, width].</returns>
    /// <exception cref="InvalidDataException">
    /// The file is empty, truncated or oversized, has another magic, element type or number of dimensions, a dimension
    /// of zero, more content than an array holds, or corrupt gzip data.
    /// </exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static IdxImages ReadImages(string path)
    {
        using var stream = Open(path);
        return ReadImages(stream, path);
    }

    /// <summary>Reads images, unsigned bytes of three dimensions, from where a stream stands to its end.</summary>
    /// <param name="stream">A readable stream that can seek; it is left open.</param>
    /// <param name="name">What messages call the stream.</param>
    /// <returns>The images [count, height, width].</returns>
    /// <exception cref="InvalidDataException">As for a file.</exception>
    /// <exception cref="ArgumentException">The stream cannot read or seek.</exception>
    public static IdxImages ReadImages(Stream stream, string name)
    {
        var (dimensions, pixels) = Read(stream, name, ImagesMagic);
        return new IdxImages(dimensions[0], dimensions[1], dimensions[2], pixels);
    }

    /// <summary>Reads a file of labels: unsigned bytes, one dimension.</summary>
    /// <param name="path">The file, plain or gzip-compressed.</param>
    /// <returns>The labels [count].</returns>
    /// <exception cref="InvalidDataException">
    /// The file is empty, truncated or oversized, has another magic, element type or number of dimensions, a dimension
    /// of zero, more content than an array holds, or corrupt gzip data.
    /// </exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static byte[] ReadLabels(string path)
    {
        using var stream = Open(path);
        return ReadLabels(stream, path);
    }

    /// <summary>Reads labels, unsigned bytes of one dimension, from where a stream stands to its end.</summary>
    /// <param name="stream">A readable stream that can seek; it is left open.</param>
    /// <param name="name">What messages call the stream.</param>
    /// <returns>The labels [count].</returns>
    /// <exception cref="InvalidDataException">As for a file.</exception>
    /// <exception cref="ArgumentException">The stream cannot read or seek.</exception>
    public static byte[] ReadLabels(Stream stream, string name) => Read(stream, name, LabelsMagic).Elements;

    private static FileStream Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
    }

    private static (int[] Dimensions, byte[] Elements) Read(Stream stream, string name, uint magic)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (!stream.CanRead || !stream.CanSeek)
            throw new ArgumentException($"{name}: expected a stream that can read and seek.", nameof(stream));

        using var input = new IdxInput(stream, name);
        var dimensions = ReadHeader(input, magic);
        var elements = input.ReadToEnd(ElementCount(input, dimensions));
        return (dimensions, elements);
    }

    private static int[] ReadHeader(IdxInput input, uint magic)
    {
        var rank = (int)(magic & 0xFF);
        Span<byte> header = stackalloc byte[4 + 4 * rank];
        var found = input.Read(header);
        if (found >= 4)
        {
            var foundMagic = BinaryPrimitives.ReadUInt32BigEndian(header);
            if (foundMagic != magic)
                throw input.Broken(
                    0, $"magic 0x{magic:X8} ({Describe(magic)})", $"0x{foundMagic:X8} ({Describe(foundMagic)})");
        }

        if (found < header.Length)
            throw input.Broken(found, $"a header of {header.Length} bytes", $"the end after {found}");

        var dimensions = new int[rank];
        for (var i = 0; i < rank; i++)
        {
            var size = BinaryPrimitives.ReadUInt32BigEndian(header[(4 + 4 * i)..]);
            if (size is 0 or > int.MaxValue)
                throw input.Broken(4 + 4 * i, $"a dimension of 1 to {int.MaxValue}", $"{size}");
            dimensions[i] = (int)size;
        }

        return dimensions;
    }

    private static int ElementCount(IdxInput input, int[] dimensions)
    {
        // Three 31-bit factors: 64 bits would overflow.
        Int128 count = 1;
        foreach (var size in dimensions)
            count *= size;
        if (count > Array.MaxLength)
            throw input.Broken(4, $"at most {Array.MaxLength} elements", $"{string.Join(" x ", dimensions)} = {count}");
        return (int)count;
    }

    private static string Describe(uint magic)
    {
        if (magic >> 16 != 0)
            return "not IDX";

        var type = ((magic >> 8) & 0xFF) switch
        {
            0x08 => "unsigned bytes",
            0x09 => "signed bytes",
            0x0B => "16-bit integers",
            0x0C => "32-bit integers",
            0x0D => "32-bit floats",
            0x0E => "64-bit floats",
            _ => "an unknown element type",
        };
        var rank = magic & 0xFF;
        return $"{type}, {rank} {(rank == 1 ? "dimension" : "dimensions")}";
    }
}
