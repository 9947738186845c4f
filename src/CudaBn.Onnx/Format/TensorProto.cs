namespace CudaBn.Onnx.Format;

/// <summary>A constant tensor.</summary>
internal sealed class TensorProto : IMessage
{
    private const long IsExternal = 1;

    public string Name { get; set; } = "";

    public IReadOnlyList<long> Dims { get; set; } = [];

    public TensorDataType DataType { get; set; }

    /// <summary>The elements, row-major and little-endian: raw_data, float_data or double_data, which are the same
    /// bytes.</summary>
    public ReadOnlyMemory<byte> Elements { get; set; }

    /// <summary>The elements of int32_data or int64_data, where they lie there.</summary>
    public IReadOnlyList<long> Integers { get; set; } = [];

    /// <summary>Whether the elements lie in another file.</summary>
    public bool HasExternalData { get; set; }

    public static TensorProto Read(MessageReader reader)
    {
        var tensor = new TensorProto();
        List<long>? dims = null, integers = null;
        while (reader.Next() is > 0 and var field)
        {
            switch (field)
            {
                case 1:
                    reader.AddInt64s(dims ??= []);
                    break;
                case 2:
                    tensor.DataType = (TensorDataType)reader.Int64();
                    break;
                case 4 or 9 or 10:
                    if (!tensor.Elements.IsEmpty)
                        throw reader.Fault("elements in one piece, found several");
                    tensor.Elements = reader.Bytes();
                    break;
                case 5 or 7:
                    reader.AddInt64s(integers ??= []);
                    break;
                case 8:
                    tensor.Name = reader.Text();
                    break;
                case 13:
                    tensor.HasExternalData = true;
                    reader.Skip();
                    break;
                case 14:
                    tensor.HasExternalData |= reader.Int64() == IsExternal;
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        if (dims is not null)
            tensor.Dims = dims;
        if (integers is not null)
            tensor.Integers = integers;
        return tensor;
    }

    public void Write(MessageWriter writer)
    {
        foreach (var size in Dims)
            writer.Write(1, size);
        writer.Write(2, (long)DataType);
        writer.WriteUnlessEmpty(8, Name);
        writer.Write(9, Elements);
        if (HasExternalData)
            writer.Write(14, IsExternal);
    }
}
