using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using static CudaBn.Serialization.BrokenFile;

namespace CudaBn.Serialization;

/// <summary>
/// Reads the JSON header of a safetensors file and checks it against the length of the file, before anything of the
/// size that it promises is allocated.
/// </summary>
internal ref struct SafeTensorsHeaderParser
{
    public const int PrefixLength = 8;

    public const int MaxHeaderLength = 100_000_000;

    public const string MetadataKey = "__metadata__";

    private const int LongestToken = 320;

    private readonly ReadOnlySpan<byte> _header;
    private readonly string _path;
    private readonly long _fileLength;
    private Utf8JsonReader _json;

    public SafeTensorsHeaderParser(ReadOnlySpan<byte> header, string path, long fileLength)
    {
        _header = header;
        _path = path;
        _fileLength = fileLength;
        _json = new Utf8JsonReader(header);
    }

    /// <summary>What the header says, in the order of the payloads.</summary>
    /// <exception cref="InvalidDataException">The header breaks a rule of the format.</exception>
    public (ImmutableArray<SafeTensorsEntry> Entries, Dictionary<string, string> Metadata) Parse()
    {
        if (_header.IsEmpty || _header[0] != '{')
            throw Fault(PrefixLength, "'{'", _header.IsEmpty ? "an empty header" : $"byte 0x{_header[0]:X2}");
        if (!Utf8.IsValid(_header))
            throw Fault(PrefixLength + FirstByteThatIsNotUtf8(), "UTF-8 text", "an invalid byte sequence");

        var metadata = new Dictionary<string, string>();
        var tensors = new List<Declared>();
        var names = new HashSet<string>();

        Next();
        while (Next() && _json.TokenType == JsonTokenType.PropertyName)
        {
            var at = Position;
            var name = ReadString("a name");
            if (!names.Add(name))
                throw Fault(at, "every name once", $"{Quote(name)} again");

            Next();
            if (name == MetadataKey)
                ReadMetadata(metadata);
            else
                tensors.Add(ReadTensor(name, at));
        }

        Next(); // White space may follow the object; anything else is a fault.
        return (Place(tensors), metadata);
    }

    private readonly long Position => PrefixLength + _json.TokenStartIndex;

    private void ReadMetadata(Dictionary<string, string> metadata)
    {
        if (_json.TokenType != JsonTokenType.StartObject)
            throw Unexpected($"an object of strings for {MetadataKey}");
        while (Next() && _json.TokenType == JsonTokenType.PropertyName)
        {
            var at = Position;
            var key = ReadString("a key");
            Next();
            if (_json.TokenType != JsonTokenType.String)
                throw Unexpected($"a string for {MetadataKey} key {Quote(key)}");
            if (!metadata.TryAdd(key, ReadString("a value")))
                throw Fault(at, $"every {MetadataKey} key once", $"{Quote(key)} again");
        }
    }

    private Declared ReadTensor(string name, long at)
    {
        string? dtype = null;
        ImmutableArray<long>? shape = null;
        ImmutableArray<long>? offsets = null;

        if (_json.TokenType != JsonTokenType.StartObject)
            throw Unexpected($"an object for tensor {Quote(name)}");
        while (Next() && _json.TokenType == JsonTokenType.PropertyName)
        {
            var fieldAt = Position;
            var field = ReadString("a field");
            var again = field switch
            {
                "dtype" => dtype is not null,
                "shape" => shape is not null,
                "data_offsets" => offsets is not null,
                _ => false,
            };
            if (again)
                throw Fault(fieldAt, $"every field of tensor {Quote(name)} once", $"{field} again");

            Next();
            switch (field)
            {
                case "dtype":
                    if (_json.TokenType != JsonTokenType.String)
                        throw Unexpected($"a string for the dtype of tensor {Quote(name)}");
                    dtype = ReadString("a dtype");
                    break;
                case "shape":
                    shape = ReadSizes("shape", name);
                    break;
                case "data_offsets":
                    offsets = ReadSizes("data_offsets", name);
                    break;
                default:
                    Skip(); // The format's own reader passes over fields that it does not know.
                    break;
            }
        }

        if (dtype is null || shape is not { } sizes || offsets is not { } range)
        {
            var missing = dtype is null ? "dtype" : shape is null ? "shape" : "data_offsets";
            throw Fault(at, $"{missing} of tensor {Quote(name)}", "none");
        }

        var rank = SafeTensorsDType.Rank(dtype);
        if (rank < 0)
            throw Fault(at, $"a dtype out of {SafeTensorsDType.Names} for tensor {Quote(name)}", Quote(dtype));
        if (range.Length != 2)
            throw Fault(at, $"two data_offsets of tensor {Quote(name)}", $"{range.Length}");
        if (range[1] < range[0])
            throw Fault(at, $"ascending data_offsets of tensor {Quote(name)}", $"[{range[0]},{range[1]}]");

        var length = SafeTensorsDType.ByteLength(rank, sizes.AsSpan());
        if (length < 0)
            throw Fault(at, $"a shape of tensor {Quote(name)} within 63 bits", Quote(sizes.AsSpan()));
        if (!SafeTensorsDType.FillsBytes(rank, sizes.AsSpan()))
            throw Fault(at, $"a shape of tensor {Quote(name)} whose {dtype} fill whole bytes", Quote(sizes.AsSpan()));
        if (range[1] - range[0] != length)
        {
            throw Fault(at, $"{length} bytes for tensor {Quote(name)} of {dtype} {Quote(sizes.AsSpan())}",
                $"data_offsets [{range[0]},{range[1]}] of {range[1] - range[0]} bytes");
        }

        // The table's own string, so that thousands of entries do not each keep one.
        return new Declared(name, SafeTensorsDType.Name(rank), sizes, range[0], range[1], at);
    }

    /// <summary>The payloads in their order must cover what follows the header: no overlap, no hole, no rest.</summary>
    private readonly ImmutableArray<SafeTensorsEntry> Place(List<Declared> tensors)
    {
        tensors.Sort(static (left, right) =>
        {
            var order = left.Begin.CompareTo(right.Begin);
            order = order != 0 ? order : left.End.CompareTo(right.End);
            return order != 0 ? order : string.CompareOrdinal(left.Name, right.Name);
        });

        var start = PrefixLength + _header.Length;
        var available = _fileLength - start;
        var end = 0L;
        var entries = ImmutableArray.CreateBuilder<SafeTensorsEntry>(tensors.Count);
        foreach (var tensor in tensors)
        {
            if (tensor.Begin != end)
            {
                throw Fault(tensor.At, $"tensor {Quote(tensor.Name)} at data offset {end}",
                    $"{tensor.Begin}, {(tensor.Begin < end ? "an overlap" : "a hole")}");
            }

            if (tensor.End > available)
            {
                throw Fault(tensor.At, $"tensor {Quote(tensor.Name)} within the file's {available} payload bytes",
                    $"data_offsets [{tensor.Begin},{tensor.End}]");
            }

            end = tensor.End;
            entries.Add(new SafeTensorsEntry(
                tensor.Name, tensor.DType, tensor.Shape, start + tensor.Begin, tensor.End - tensor.Begin));
        }

        return end == available
            ? entries.MoveToImmutable()
            : throw Fault(start + end, "the end of the file", $"{available - end} bytes that belong to no tensor");
    }

    private ImmutableArray<long> ReadSizes(string field, string tensor)
    {
        if (_json.TokenType != JsonTokenType.StartArray)
            throw Unexpected($"an array for {field} of tensor {Quote(tensor)}");

        // Commas up to the bracket bound the count, so that a header of sizes alone is not kept several times over by
        // a list that grows.
        var rest = _header[(int)_json.BytesConsumed..];
        var close = rest.IndexOf((byte)']');
        var sizes = ImmutableArray.CreateBuilder<long>((close < 0 ? rest : rest[..close]).Count((byte)',') + 1);
        while (Next() && _json.TokenType != JsonTokenType.EndArray)
        {
            if (_json.TokenType != JsonTokenType.Number || !_json.TryGetUInt64(out var size) || size > long.MaxValue)
                throw Unexpected($"an integer from 0 to 2^63-1 in {field} of tensor {Quote(tensor)}");
            sizes.Add((long)size);
        }

        return sizes.DrainToImmutable();
    }

    private string ReadString(string what)
    {
        try
        {
            return _json.GetString()!;
        }
        catch (InvalidOperationException fault)
        {
            throw BrokenFile.At(_path, Position, $"{what} of whole characters", "half of a surrogate pair", fault);
        }
    }

    private bool Next()
    {
        try
        {
            return _json.Read();
        }
        catch (JsonException fault)
        {
            throw JsonFault(fault);
        }
    }

    private void Skip()
    {
        try
        {
            _json.Skip();
        }
        catch (JsonException fault)
        {
            throw JsonFault(fault);
        }
    }

    private readonly InvalidDataException Unexpected(string expected) => Fault(Position, expected, QuoteToken());

    private readonly InvalidDataException JsonFault(JsonException fault) =>
        BrokenFile.At(_path, PrefixLength + _json.BytesConsumed, "a JSON object", $"a fault: {Escape(fault.Message)}", fault);

    private readonly InvalidDataException Fault(long offset, string expected, string found) =>
        BrokenFile.At(_path, offset, expected, found);

    private readonly string QuoteToken() => _json.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        _ => Quote(Encoding.UTF8.GetString(_json.ValueSpan[..Math.Min(_json.ValueSpan.Length, LongestToken)])),
    };

    private readonly int FirstByteThatIsNotUtf8()
    {
        var at = 0;
        while (Rune.DecodeFromUtf8(_header[at..], out _, out var consumed) == System.Buffers.OperationStatus.Done)
            at += consumed;
        return at;
    }

    /// <summary>A tensor as declared: its data offsets, and where in the file its declaration stands.</summary>
    private readonly record struct Declared(
        string Name, string DType, ImmutableArray<long> Shape, long Begin, long End, long At);
}
