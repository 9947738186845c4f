using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Google.Protobuf;

namespace CudaBn.Onnx.Format;

/// <summary>Reads the fields of a message, one after the other, out of a file in memory. Nothing is copied but numbers and
/// texts, and every length is checked against the bytes that are there.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A stream over an array holds nothing to release.")]
internal sealed class MessageReader
{
    private readonly MessageSource _source;
    private readonly CodedInputStream _input;
    private uint _tag;

    private MessageReader(MessageSource source, int start, int length)
    {
        (_source, Start) = (source, start);
        _input = new CodedInputStream(source.Bytes, start, length);
    }

    /// <summary>Where the message begins in the file.</summary>
    public int Start { get; }

    /// <summary>Reads a message that is a whole file.</summary>
    /// <exception cref="InvalidDataException">It is none: the message names file and offset.</exception>
    public static T Read<T>(string path, byte[] file, Func<MessageReader, T> read)
    {
        var source = new MessageSource(path, file);
        try
        {
            return read(new MessageReader(source, 0, file.Length));
        }
        catch (InvalidProtocolBufferException fault)
        {
            throw source.Fault($"a field of an ONNX model: {fault.Message.TrimEnd('.')}", fault);
        }
    }

    /// <summary>Goes on to the next field.</summary>
    /// <returns>Its number; 0 at the end of the message.</returns>
    public int Next()
    {
        _source.Offset = _input.Position;
        _tag = _input.ReadTag();
        return WireFormat.GetTagFieldNumber(_tag);
    }

    public long Int64()
    {
        Require(WireFormat.WireType.Varint, "a whole number");
        return _input.ReadInt64();
    }

    public float Single()
    {
        Require(WireFormat.WireType.Fixed32, "a number of 4 bytes");
        return _input.ReadFloat();
    }

    public string Text()
    {
        Require(WireFormat.WireType.LengthDelimited, "a text");
        return _input.ReadString();
    }

    /// <summary>The content of a field, in the file's own memory.</summary>
    public ReadOnlyMemory<byte> Bytes()
    {
        var (start, length) = Range();
        return _source.Bytes.AsMemory(start, length);
    }

    /// <summary>A message inside this one.</summary>
    public MessageReader Message()
    {
        var (start, length) = Range();
        return new MessageReader(_source, start, length);
    }

    /// <summary>One or more whole numbers of a repeated field, which may be packed.</summary>
    public void AddInt64s(List<long> values)
    {
        if (!IsLengthDelimited)
        {
            values.Add(Int64());
            return;
        }

        var packed = Message();
        while (!packed._input.IsAtEnd)
            values.Add(packed._input.ReadInt64());
    }

    /// <summary>One or more numbers of 4 bytes of a repeated field, which may be packed.</summary>
    public void AddSingles(List<float> values)
    {
        if (!IsLengthDelimited)
        {
            values.Add(Single());
            return;
        }

        var packed = Bytes().Span;
        if (packed.Length % sizeof(float) != 0)
            throw Fault($"numbers of {sizeof(float)} bytes, found {packed.Length} bytes");
        for (var at = 0; at < packed.Length; at += sizeof(float))
            values.Add(BinaryPrimitives.ReadSingleLittleEndian(packed[at..]));
    }

    /// <summary>Passes over a field that nobody asks for.</summary>
    public void Skip() => _input.SkipLastField();

    /// <summary>What is wrong at the field that was read last.</summary>
    public InvalidDataException Fault(string expected) => _source.Fault(expected);

    private bool IsLengthDelimited => WireFormat.GetTagWireType(_tag) == WireFormat.WireType.LengthDelimited;

    private (int Start, int Length) Range()
    {
        Require(WireFormat.WireType.LengthDelimited, "a message or bytes");
        var begin = (int)_input.Position;
        Skip();
        var end = (int)_input.Position;
        var length = new CodedInputStream(_source.Bytes, begin, end - begin).ReadLength();
        return (end - length, length);
    }

    private void Require(WireFormat.WireType type, string expected)
    {
        if (WireFormat.GetTagWireType(_tag) != type)
            throw Fault($"{expected}, found wire type {WireFormat.GetTagWireType(_tag)}");
    }
}
