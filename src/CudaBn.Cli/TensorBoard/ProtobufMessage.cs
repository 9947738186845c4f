using CudaBn.Onnx.Format;

namespace CudaBn.Cli;

/// <summary>A protocol buffer message, field by field.</summary>
internal sealed class ProtobufMessage : IMessage
{
    private readonly List<Action<MessageWriter>> _fields = [];

    public ProtobufMessage Add(int number, double value) => Add(writer => writer.Write(number, value));

    public ProtobufMessage Add(int number, float value) => Add(writer => writer.Write(number, value));

    public ProtobufMessage Add(int number, long value) => Add(writer => writer.Write(number, value));

    public ProtobufMessage Add(int number, string value) => Add(writer => writer.Write(number, value));

    public ProtobufMessage Add(int number, ProtobufMessage value) => Add(writer => writer.Write(number, value));

    /// <summary>A repeated field of doubles, packed.</summary>
    public ProtobufMessage Add(int number, double[] values) => Add(writer => writer.Write(number, values));

    public void Write(MessageWriter writer) => _fields.ForEach(write => write(writer));

    public byte[] ToArray() => MessageWriter.ToArray(this);

    private ProtobufMessage Add(Action<MessageWriter> write)
    {
        _fields.Add(write);
        return this;
    }
}
