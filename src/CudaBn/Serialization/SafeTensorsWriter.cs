using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace CudaBn.Serialization;

/// <summary>
/// Writes safetensors files as the format's own implementation lays them out: tensors by descending alignment of their
/// type and then by name, the header padded with spaces to a multiple of eight bytes. The same content gives the same
/// bytes, in whatever order the tensors come.
/// </summary>
public static class SafeTensorsWriter
{
    private static readonly UTF8Encoding _strictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// Writes a whole file beside <paramref name="path"/> and renames it over the target once it is on the disk. If
    /// anything fails, the target stays as it was.
    /// </summary>
    /// <param name="path">The target; its folder must exist.</param>
    /// <param name="tensors">The tensors, in any order.</param>
    /// <param name="metadata">Free-form texts for the header's __metadata__; null or empty for none.</param>
    /// <exception cref="ArgumentException">A name is used twice, reserved or not valid Unicode, an element type
    /// unknown, a shape missing or negative, a tensor beyond 63 bits, or the header beyond 100,000,000 bytes.
    /// </exception>
    /// <exception cref="InvalidOperationException">A payload has another length than its shape asks for.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(
        string path,
        IEnumerable<TensorSource> tensors,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        var placed = Place(tensors);
        var header = Header(placed, metadata);

        AtomicFile.Write(path, stream =>
        {
            Span<byte> prefix = stackalloc byte[SafeTensorsHeaderParser.PrefixLength];
            BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
            stream.Write(prefix);
            stream.Write(header.Span);

            foreach (var tensor in placed)
            {
                var start = stream.Position;
                tensor.Source.WritePayload(stream);
                if (stream.Position - start != tensor.End - tensor.Begin)
                {
                    throw new InvalidOperationException(
                        $"tensor {tensor.Source.Name}: {tensor.End - tensor.Begin} bytes expected, " +
                        $"{stream.Position - start} written");
                }
            }
        });
    }

    private static List<Placed> Place(IEnumerable<TensorSource> tensors)
    {
        var checkedTensors = new List<(TensorSource Source, byte[] Name, int Rank, long Length)>();
        var names = new HashSet<string>();
        foreach (var tensor in tensors)
        {
            var name = Utf8(tensor.Name, nameof(tensors));
            if (tensor.Name == SafeTensorsHeaderParser.MetadataKey)
                throw new ArgumentException($"the name {tensor.Name} is reserved by the format", nameof(tensors));
            if (!names.Add(tensor.Name))
                throw new ArgumentException($"two tensors are named {tensor.Name}", nameof(tensors));

            var rank = SafeTensorsDType.Rank(tensor.DType);
            if (rank < 0)
            {
                throw new ArgumentException(
                    $"tensor {tensor.Name}: dtype {tensor.DType} is none of {SafeTensorsDType.Names}", nameof(tensors));
            }

            if (tensor.Shape.IsDefault)
                throw new ArgumentException($"tensor {tensor.Name} has no shape", nameof(tensors));
            foreach (var size in tensor.Shape)
            {
                if (size < 0)
                    throw new ArgumentException($"tensor {tensor.Name}: size {size} is negative", nameof(tensors));
            }

            var length = SafeTensorsDType.ByteLength(rank, tensor.Shape.AsSpan());
            if (length < 0)
                throw new ArgumentException($"tensor {tensor.Name}: its bytes exceed 63 bits", nameof(tensors));
            if (!SafeTensorsDType.FillsBytes(rank, tensor.Shape.AsSpan()))
                throw new ArgumentException($"tensor {tensor.Name}: its {tensor.DType} fill no whole bytes", nameof(tensors));
            checkedTensors.Add((tensor, name, rank, length));
        }

        checkedTensors.Sort(static (left, right) => left.Rank != right.Rank
            ? right.Rank.CompareTo(left.Rank)
            : left.Name.AsSpan().SequenceCompareTo(right.Name));

        var placed = new List<Placed>(checkedTensors.Count);
        var begin = 0L;
        foreach (var (source, _, _, length) in checkedTensors)
        {
            if (length > long.MaxValue - begin)
                throw new ArgumentException($"tensor {source.Name}: the file would exceed 63 bits", nameof(tensors));
            placed.Add(new Placed(source, begin, begin + length));
            begin += length;
        }

        return placed;
    }

    private static ReadOnlyMemory<byte> Header(List<Placed> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        // Relaxed: only what JSON itself asks for is escaped, as in files of the format's own implementation.
        var options = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var json = new Utf8JsonWriter(buffer, options))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
                WriteMetadata(json, metadata);
            foreach (var tensor in tensors)
                WriteTensor(json, tensor);
            json.WriteEndObject();
        }

        var padding = -buffer.WrittenCount & 7;
        buffer.GetSpan(padding)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        const int limit = SafeTensorsHeaderParser.MaxHeaderLength;
        return buffer.WrittenCount <= limit
            ? buffer.WrittenMemory
            : throw new ArgumentException(
                $"a header of {buffer.WrittenCount} bytes exceeds the format's {limit}", nameof(tensors));
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject(SafeTensorsHeaderParser.MetadataKey);
        foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            json.WriteString(Utf8(key, nameof(metadata)), Utf8(value, nameof(metadata)));
        json.WriteEndObject();
    }

    private static void WriteTensor(Utf8JsonWriter json, Placed tensor)
    {
        json.WriteStartObject(tensor.Source.Name);
        json.WriteString("dtype", tensor.Source.DType);
        json.WriteStartArray("shape");
        foreach (var size in tensor.Source.Shape)
            json.WriteNumberValue(size);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(tensor.Begin);
        json.WriteNumberValue(tensor.End);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static byte[] Utf8(string text, string parameter)
    {
        try
        {
            return _strictUtf8.GetBytes(text);
        }
        catch (EncoderFallbackException fault)
        {
            throw new ArgumentException($"\"{text}\" holds half of a surrogate pair", parameter, fault);
        }
    }

    private readonly record struct Placed(TensorSource Source, long Begin, long End);
}
