namespace CudaBn.Onnx.Format;

/// <summary>An input or output of a graph.</summary>
internal sealed record ValueInfoProto(string Name, TypeProto? Type) : IMessage
{
    public static ValueInfoProto Of(string name, TensorDataType elementType, IEnumerable<DimensionProto> dimensions) =>
        new(name, new TypeProto(new TensorTypeProto(elementType, new TensorShapeProto([.. dimensions]))));

    public static ValueInfoProto Read(MessageReader reader)
    {
        var name = "";
        TypeProto? type = null;
        while (reader.Next() is > 0 and var field)
        {
            switch (field)
            {
                case 1:
                    name = reader.Text();
                    break;
                case 2:
                    type = TypeProto.Read(reader.Message());
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return new(name, type);
    }

    public void Write(MessageWriter writer)
    {
        writer.Write(1, Name);
        if (Type is not null)
            writer.Write(2, Type);
    }
}
