namespace CudaBn.Onnx.Format;

/// <summary>The type of a value.</summary>
/// <param name="Tensor">What it is as a tensor; null for sequences, maps and whatever else the format knows.</param>
internal sealed record TypeProto(TensorTypeProto? Tensor) : IMessage
{
    public static TypeProto Read(MessageReader reader)
    {
        TensorTypeProto? tensor = null;
        while (reader.Next() is > 0 and var field)
        {
            if (field == 1)
                tensor = TensorTypeProto.Read(reader.Message());
            else
                reader.Skip();
        }

        return new(tensor);
    }

    public void Write(MessageWriter writer)
    {
        if (Tensor is not null)
            writer.Write(1, Tensor);
    }
}
