using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace CudaBn.Serialization;

/// <summary>Writes .npz files as numpy.savez does: a zip archive of arrays in .npy format, not compressed, for numpy.load.
/// The same content in the same order gives the same bytes.</summary>
public static class NpzWriter
{
    /// <summary>The key of an archive's comment that this library did not write.</summary>
    internal const string ForeignComment = "comment";

    /// <summary>The longest comment of a zip archive, in bytes.</summary>
    internal const int LongestComment = ushort.MaxValue;

    private const int LongestName = ushort.MaxValue;

    // The earliest date that zip knows, as NumPy has it: the time of writing is nobody's business.
    private static readonly DateTimeOffset _date = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly UTF8Encoding _strictUtf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>
    /// Writes a whole file beside <paramref name="path"/> and renames it over the target once it is on the disk. If
    /// anything fails, the target stays as it was.
    /// </summary>
    /// <param name="path">The target; its folder must exist.</param>
    /// <param name="tensors">The arrays; numpy.load gives them in this order. Of any type but BF16.</param>
    /// <param name="metadata">Free-form texts, kept as a JSON object in the archive's comment, where NumPy does not look;
    /// null or empty for none.</param>
    /// <exception cref="ArgumentException">A name is used twice, holds a null character, is too long or not valid Unicode;
    /// an element type is unknown to NumPy; a shape is missing, negative or of more than 64 axes; or the metadata exceed 65,535 bytes.</exception>
    /// <exception cref="InvalidOperationException">A payload has another length than its shape asks for.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(
        string path, IEnumerable<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var arrays = new List<(TensorSource Source, byte[] Header, long Length)>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in tensors)
        {
            RequireName(tensor.Name);
            if (!names.Add(tensor.Name))
                throw new ArgumentException($"two arrays are named {tensor.Name}", nameof(tensors));
            arrays.Add((tensor, Header(tensor), ByteLength(tensor)));
        }

        var comment = Comment(metadata);
        if (Encoding.UTF8.GetByteCount(comment) > LongestComment)
        {
            throw new ArgumentException(
                $"metadata of {Encoding.UTF8.GetByteCount(comment)} bytes exceed the {LongestComment} of a zip archive's comment",
                nameof(metadata));
        }

        AtomicFile.Write(path, stream =>
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true, Encoding.UTF8);
            archive.Comment = comment;
            foreach (var (source, header, length) in arrays)
            {
                var member = archive.CreateEntry(source.Name + ".npy", CompressionLevel.NoCompression);
                member.LastWriteTime = _date;
                using var content = new CountedStream(member.Open());
                content.Write(header);
                source.WritePayload(content);
                if (content.Position != header.Length + length)
                {
                    throw new InvalidOperationException(
                        $"array {source.Name}: {length} bytes expected, {content.Position - header.Length} written");
                }
            }
        });
    }

    /// <summary>Metadata as an archive's comment holds them.</summary>
    internal static string Comment(IReadOnlyDictionary<string, string>? metadata)
    {
        if (metadata is null or { Count: 0 })
            return "";
        foreach (var (key, value) in metadata)
            RequireUnicode(key + value, nameof(metadata));
        var sorted = metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToDictionary();
        return JsonSerializer.Serialize(sorted, NpzMetadataJson.Default.DictionaryStringString);
    }

    private static void RequireName(string name)
    {
        RequireUnicode(name, nameof(name));
        if (Encoding.UTF8.GetByteCount(name) > LongestName - ".npy".Length || name.Contains('\0'))
        {
            throw new ArgumentException(
                $"array name {BrokenFile.Quote(name)} is longer than {LongestName - ".npy".Length} bytes, or holds a null "
                + "character",
                nameof(name));
        }
    }

    private static void RequireUnicode(string text, string parameter)
    {
        try
        {
            _strictUtf8.GetByteCount(text);
        }
        catch (EncoderFallbackException fault)
        {
            throw new ArgumentException($"\"{text}\" holds half of a surrogate pair", parameter, fault);
        }
    }

    private static byte[] Header(TensorSource tensor)
    {
        var description = NpyDType.FromSafeTensors(tensor.DType) ?? throw new ArgumentException(
            $"array {tensor.Name}: dtype {tensor.DType} is none of NumPy's {NpyDType.Names}", nameof(tensor));
        if (tensor.Shape.IsDefault)
            throw new ArgumentException($"array {tensor.Name} has no shape", nameof(tensor));
        if (tensor.Shape.Length > NpyHeader.MostAxes)
        {
            throw new ArgumentException(
                $"array {tensor.Name} has {tensor.Shape.Length} axes, more than NumPy's {NpyHeader.MostAxes}", nameof(tensor));
        }

        foreach (var size in tensor.Shape)
        {
            if (size < 0)
                throw new ArgumentException($"array {tensor.Name}: size {size} is negative", nameof(tensor));
        }

        return NpyHeader.Write(description, tensor.Shape.AsSpan());
    }

    private static long ByteLength(TensorSource tensor)
    {
        var length = SafeTensorsDType.ByteLength(SafeTensorsDType.Rank(tensor.DType), tensor.Shape.AsSpan());
        return length >= 0
            ? length
            : throw new ArgumentException($"array {tensor.Name}: its bytes exceed 63 bits", nameof(tensor));
    }
}
