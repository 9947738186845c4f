namespace CudaBn.Onnx.Format;

/// <summary>A whole file: a graph, and what it is written in.</summary>
internal sealed class ModelProto : IMessage
{
    public long IrVersion { get; set; }

    public string ProducerName { get; set; } = "";

    public string ProducerVersion { get; set; } = "";

    public string DocString { get; set; } = "";

    public GraphProto? Graph { get; set; }

    public List<OperatorSetIdProto> OperatorSets { get; } = [];

    public List<StringStringEntryProto> Metadata { get; } = [];

    public static ModelProto Read(MessageReader reader)
    {
        var model = new ModelProto();
        while (reader.Next() is > 0 and var field)
        {
            switch (field)
            {
                case 1:
                    model.IrVersion = reader.Int64();
                    break;
                case 2:
                    model.ProducerName = reader.Text();
                    break;
                case 3:
                    model.ProducerVersion = reader.Text();
                    break;
                case 6:
                    model.DocString = reader.Text();
                    break;
                case 7:
                    model.Graph = model.Graph is null
                        ? GraphProto.Read(reader.Message())
                        : throw reader.Fault("one graph, found a second");
                    break;
                case 8:
                    model.OperatorSets.Add(OperatorSetIdProto.Read(reader.Message()));
                    break;
                case 14:
                    model.Metadata.Add(StringStringEntryProto.Read(reader.Message()));
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return model;
    }

    public void Write(MessageWriter writer)
    {
        writer.Write(1, IrVersion);
        writer.WriteUnlessEmpty(2, ProducerName);
        writer.WriteUnlessEmpty(3, ProducerVersion);
        writer.WriteUnlessEmpty(6, DocString);
        if (Graph is not null)
            writer.Write(7, Graph);
        writer.WriteAll(8, OperatorSets);
        writer.WriteAll(14, Metadata);
    }
}
