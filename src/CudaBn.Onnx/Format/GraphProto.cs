namespace CudaBn.Onnx.Format;

/// <summary>Nodes in an order in which they can run, and the tensors that they need.</summary>
internal sealed class GraphProto : IMessage
{
    public string Name { get; set; } = "";

    public List<NodeProto> Nodes { get; } = [];

    public List<TensorProto> Initializers { get; } = [];

    public List<ValueInfoProto> Inputs { get; } = [];

    public List<ValueInfoProto> Outputs { get; } = [];

    /// <summary>How many sparse tensors there are, which nothing here reads.</summary>
    public int SparseInitializers { get; private set; }

    public static GraphProto Read(MessageReader reader)
    {
        var graph = new GraphProto();
        while (reader.Next() is > 0 and var field)
        {
            switch (field)
            {
                case 1:
                    graph.Nodes.Add(NodeProto.Read(reader.Message()));
                    break;
                case 2:
                    graph.Name = reader.Text();
                    break;
                case 5:
                    graph.Initializers.Add(TensorProto.Read(reader.Message()));
                    break;
                case 11:
                    graph.Inputs.Add(ValueInfoProto.Read(reader.Message()));
                    break;
                case 12:
                    graph.Outputs.Add(ValueInfoProto.Read(reader.Message()));
                    break;
                case 15:
                    graph.SparseInitializers++;
                    reader.Skip();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return graph;
    }

    public void Write(MessageWriter writer)
    {
        writer.WriteAll(1, Nodes);
        writer.WriteUnlessEmpty(2, Name);
        writer.WriteAll(5, Initializers);
        writer.WriteAll(11, Inputs);
        writer.WriteAll(12, Outputs);
    }
}
