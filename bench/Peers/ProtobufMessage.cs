using Google.Protobuf;

namespace CudaBn.Bench;

/// <summary>A message in Protocol Buffers' encoding, field by field. A model of a few fields needs no generated
/// classes.</summary>
public sealed class ProtobufMessage
{
    private readonly List<byte> _bytes = [];

    public ProtobufMessage Add(int field, long value) => Write(field, WireFormat.WireType.Varint, o => o.WriteInt64(value));

    public ProtobufMessage Add(int field, float value) => Write(field, WireFormat.WireType.Fixed32, o => o.WriteFloat(value));

    public ProtobufMessage Add(int field, string value) =>
        Write(field, WireFormat.WireType.LengthDelimited, o => o.WriteString(value));

    public ProtobufMessage Add(int field, byte[] value) =>
        Write(field, WireFormat.WireType.LengthDelimited, o => o.WriteBytes(ByteString.CopyFrom(value)));

    public ProtobufMessage Add(int field, ProtobufMessage value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return Add(field, value.ToArray());
    }

    public byte[] ToArray() => [.. _bytes];

    private ProtobufMessage Write(int field, WireFormat.WireType type, Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
        {
            output.WriteTag(field, type);
            write(output);
        }

        _bytes.AddRange(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
        return this;
    }
}
