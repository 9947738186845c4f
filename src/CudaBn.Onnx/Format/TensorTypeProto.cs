namespace CudaBn.Onnx.Format;

/// <summary>Element type and sizes of a value: the tensor_type of a TypeProto.</summary>
/// <param name="ElementType">The element type.</param>
/// <param name="Shape">The sizes; null where not even their number is known.</param>
internal sealed record TensorTypeProto(TensorDataType ElementType, TensorShapeProto? Shape) : IMessage
{
    public static TensorTypeProto Read(MessageReader reader)
    {
        var type = TensorDataType.Undefined;
        TensorShapeProto? shape = null;
        while (reader.Next() is > 0 and var field)
        {
            switch (field)
            {
                case 1:
                    type = (TensorDataType)reader.Int64();
                    break;
                case 2:
                    shape = TensorShapeProto.Read(reader.Message());
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return new(type, shape);
    }

    public void Write(MessageWriter writer)
    {
        writer.Write(1, (long)ElementType);
        if (Shape is not null)
            writer.Write(2, Shape);
    }
}
