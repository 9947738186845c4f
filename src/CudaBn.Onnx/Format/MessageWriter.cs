using Google.Protobuf;

namespace CudaBn.Onnx.Format;

/// <summary>Writes messages in Protocol Buffers' encoding, field by field, or only counts the bytes that this would take.</summary>
internal sealed class MessageWriter
{
    private readonly CodedOutputStream? _output;
    private long _size;

    private MessageWriter(CodedOutputStream? output) => _output = output;

    /// <summary>The bytes of a message without a header of its own.</summary>
    public static long SizeOf(IMessage message)
    {
        var counter = new MessageWriter(output: null);
        message.Write(counter);
        return counter._size;
    }

    /// <summary>Writes a message of at most 2^31 - 1 bytes; leaves the stream open.</summary>
    public static void Write(IMessage message, Stream stream)
    {
        using var output = new CodedOutputStream(stream, leaveOpen: true);
        message.Write(new MessageWriter(output));
    }

    public static byte[] ToArray(IMessage message)
    {
        using var bytes = new MemoryStream();
        Write(message, bytes);
        return bytes.ToArray();
    }

    public void Write(int field, long value)
    {
        Begin(field, WireFormat.WireType.Varint, CodedOutputStream.ComputeInt64Size(value));
        _output?.WriteInt64(value);
    }

    public void Write(int field, float value)
    {
        Begin(field, WireFormat.WireType.Fixed32, sizeof(float));
        _output?.WriteFloat(value);
    }

    public void Write(int field, double value)
    {
        Begin(field, WireFormat.WireType.Fixed64, sizeof(double));
        _output?.WriteDouble(value);
    }

    /// <summary>Writes a repeated field, packed.</summary>
    public void Write(int field, double[] values)
    {
        var length = checked(values.Length * sizeof(double));
        Begin(field, WireFormat.WireType.LengthDelimited, CodedOutputStream.ComputeLengthSize(length) + (long)length);
        if (_output is null)
            return;
        _output.WriteLength(length);
        Array.ForEach(values, _output.WriteDouble);
    }

    public void Write(int field, string value)
    {
        Begin(field, WireFormat.WireType.LengthDelimited, CodedOutputStream.ComputeStringSize(value));
        _output?.WriteString(value);
    }

    public void Write(int field, ReadOnlyMemory<byte> value)
    {
        var header = CodedOutputStream.ComputeLengthSize(value.Length);
        Begin(field, WireFormat.WireType.LengthDelimited, header + (long)value.Length);
        _output?.WriteBytes(UnsafeByteOperations.UnsafeWrap(value));
    }

    public void Write(int field, IMessage value)
    {
        var size = SizeOf(value);
        Begin(field, WireFormat.WireType.LengthDelimited, CodedOutputStream.ComputeInt64Size(size) + size);
        if (_output is null)
            return;
        _output.WriteLength(checked((int)size));
        value.Write(this);
    }

    /// <summary>Writes a text that is not empty: an empty one is what a reader takes a missing one for.</summary>
    public void WriteUnlessEmpty(int field, string value)
    {
        if (value.Length > 0)
            Write(field, value);
    }

    public void WriteAll(int field, IEnumerable<IMessage> values)
    {
        foreach (var value in values)
            Write(field, value);
    }

    private void Begin(int field, WireFormat.WireType type, long size)
    {
        _size += CodedOutputStream.ComputeTagSize(field) + size;
        _output?.WriteTag(field, type);
    }
}
