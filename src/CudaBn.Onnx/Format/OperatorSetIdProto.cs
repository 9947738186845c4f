namespace CudaBn.Onnx.Format;

/// <summary>The version of a set of operators that a model is written in.</summary>
/// <param name="Domain">Empty, or ai.onnx, for ONNX's own operators.</param>
/// <param name="Version">The opset.</param>
internal sealed record OperatorSetIdProto(string Domain, long Version) : IMessage
{
    public static OperatorSetIdProto Read(MessageReader reader)
    {
        var (domain, version) = ("", 0L);
        while (reader.Next() is > 0 and var field)
        {
            switch (field)
            {
                case 1:
                    domain = reader.Text();
                    break;
                case 2:
                    version = reader.Int64();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return new(domain, version);
    }

    public void Write(MessageWriter writer)
    {
        writer.WriteUnlessEmpty(1, Domain);
        writer.Write(2, Version);
    }
}
