namespace CudaBn.Onnx.Format;

/// <summary>A text under a key.</summary>
internal sealed record StringStringEntryProto(string Key, string Value) : IMessage
{
    public static StringStringEntryProto Read(MessageReader reader)
    {
        var (key, value) = ("", "");
        while (reader.Next() is > 0 and var field)
        {
            switch (field)
            {
                case 1:
                    key = reader.Text();
                    break;
                case 2:
                    value = reader.Text();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return new(key, value);
    }

    public void Write(MessageWriter writer)
    {
        writer.Write(1, Key);
        writer.WriteUnlessEmpty(2, Value);
    }
}
