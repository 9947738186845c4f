namespace CudaBn.Onnx.Format;

/// <summary>One call of an operator.</summary>
internal sealed class NodeProto : IMessage
{
    /// <summary>Names of values and initializers; empty where an optional one is left out.</summary>
    public IReadOnlyList<string> Inputs { get; set; } = [];

    public IReadOnlyList<string> Outputs { get; set; } = [];

    public string Name { get; set; } = "";

    public string OpType { get; set; } = "";

    /// <summary>Empty, or ai.onnx, for ONNX's own operators.</summary>
    public string Domain { get; set; } = "";

    public IReadOnlyList<AttributeProto> Attributes { get; set; } = [];

    /// <summary>Where the node begins in the file that it was read from.</summary>
    public int Offset { get; private init; }

    public static NodeProto Read(MessageReader reader)
    {
        var node = new NodeProto { Offset = reader.Start };
        List<string> inputs = [], outputs = [];
        List<AttributeProto> attributes = [];
        while (reader.Next() is > 0 and var field)
        {
            switch (field)
            {
                case 1:
                    inputs.Add(reader.Text());
                    break;
                case 2:
                    outputs.Add(reader.Text());
                    break;
                case 3:
                    node.Name = reader.Text();
                    break;
                case 4:
                    node.OpType = reader.Text();
                    break;
                case 5:
                    attributes.Add(AttributeProto.Read(reader.Message()));
                    break;
                case 7:
                    node.Domain = reader.Text();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        // Also keeps a file of empty nodes from becoming a multiple of its size in memory.
        if (node.OpType.Length == 0 || outputs.Count == 0)
            throw reader.Fault("a node with an operator and an output before this place");
        (node.Inputs, node.Outputs, node.Attributes) = (inputs, outputs, attributes);
        return node;
    }

    public void Write(MessageWriter writer)
    {
        foreach (var input in Inputs)
            writer.Write(1, input);
        foreach (var output in Outputs)
            writer.Write(2, output);
        writer.WriteUnlessEmpty(3, Name);
        writer.WriteUnlessEmpty(4, OpType);
        writer.WriteAll(5, Attributes);
        writer.WriteUnlessEmpty(7, Domain);
    }
}
