using Google.Protobuf;

namespace CudaBn.Cli;

/// <summary>A protocol buffer message, field by field.</summary>
internal sealed class ProtobufMessage
{
    private readonly List<Action<CodedOutputStream>> _fields = [];

    public ProtobufMessage Add(int number, double value) =>
        Add(number, WireFormat.WireType.Fixed64, output => output.WriteDouble(value));

    public ProtobufMessage Add(int number, float value) =>
        Add(number, WireFormat.WireType.Fixed32, output => output.WriteFloat(value));

    public ProtobufMessage Add(int number, long value) =>
        Add(number, WireFormat.WireType.Varint, output => output.WriteInt64(value));

    public ProtobufMessage Add(int number, string value) =>
        Add(number, WireFormat.WireType.LengthDelimited, output => output.WriteString(value));

    public ProtobufMessage Add(int number, ProtobufMessage value) =>
        Add(number, WireFormat.WireType.LengthDelimited, output => output.WriteBytes(UnsafeByteOperations.UnsafeWrap(value.ToArray())));

    /// <summary>A repeated field of doubles, packed.</summary>
    public ProtobufMessage Add(int number, double[] values) => Add(number, WireFormat.WireType.LengthDelimited, output =>
    {
        output.WriteLength(values.Length * sizeof(double));
        Array.ForEach(values, output.WriteDouble);
    });

    public byte[] ToArray()
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
            _fields.ForEach(write => write(output));
        return bytes.ToArray();
    }

    private ProtobufMessage Add(int number, WireFormat.WireType type, Action<CodedOutputStream> write)
    {
        _fields.Add(output =>
        {
            output.WriteTag(number, type);
            write(output);
        });
        return this;
    }
}
