namespace CudaBn.Onnx.Format;

/// <summary>The sizes of a value, outermost first.</summary>
internal sealed record TensorShapeProto(IReadOnlyList<DimensionProto> Dimensions) : IMessage
{
    public static TensorShapeProto Read(MessageReader reader)
    {
        var dimensions = new List<DimensionProto>();
        while (reader.Next() is > 0 and var field)
        {
            if (field == 1)
                dimensions.Add(DimensionProto.Read(reader.Message()));
            else
                reader.Skip();
        }

        return new(dimensions);
    }

    public void Write(MessageWriter writer) => writer.WriteAll(1, Dimensions);

    public override string ToString() => $"[{string.Join(", ", Dimensions)}]";
}
