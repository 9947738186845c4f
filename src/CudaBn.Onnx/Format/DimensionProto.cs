namespace CudaBn.Onnx.Format;

/// <summary>The size of an axis: a number, or a name for one that is known when the model runs.</summary>
/// <param name="Value">The size; null where it is open.</param>
/// <param name="Name">The name of an open size; may be empty.</param>
internal sealed record DimensionProto(long? Value, string Name = "") : IMessage
{
    public static DimensionProto Read(MessageReader reader)
    {
        long? value = null;
        var name = "";
        while (reader.Next() is > 0 and var field)
        {
            switch (field)
            {
                case 1:
                    value = reader.Int64();
                    break;
                case 2:
                    name = reader.Text();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return new(value, name);
    }

    public void Write(MessageWriter writer)
    {
        if (Value is { } value)
            writer.Write(1, value);
        else
            writer.WriteUnlessEmpty(2, Name);
    }

    public override string ToString() => Value is { } value ? $"{value}" : Name.Length > 0 ? Name : "?";
}
