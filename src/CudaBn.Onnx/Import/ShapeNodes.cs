using System.Diagnostics.CodeAnalysis;
using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>The nodes of a graph that compute with sizes in place of values: Shape, and what is made of it to ask for a Reshape
/// to [N, rest].</summary>
internal sealed class ShapeNodes
{
    private static readonly HashSet<string> _operators =
        ["Cast", "Concat", "Gather", "Identity", "Slice", "Squeeze", "Unsqueeze"];

    private readonly Dictionary<string, NodeProto> _byOutput = new(StringComparer.Ordinal);

    public ShapeNodes(GraphProto graph, FoldedIntegers folded)
    {
        var constants = graph.Initializers.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        var values = graph.Inputs.Select(input => input.Name).Where(name => !constants.Contains(name))
            .ToHashSet(StringComparer.Ordinal);
        foreach (var node in graph.Nodes)
        {
            if (folded.Contains(node) || IsConstant(node, constants))
                constants.Add(node.Outputs[0]);
            else if (!ModelGraph.IsOnnx(node.Domain) || !IsOfSizes(node, constants, values)
                || !_byOutput.TryAdd(node.Outputs[0], node))
                values.Add(node.Outputs[0]);
        }
    }

    public bool Contains(NodeProto node) => _byOutput.TryGetValue(node.Outputs[0], out var known) && known == node;

    public bool Contains(string output) => _byOutput.ContainsKey(output);

    /// <summary>The node that makes some sizes.</summary>
    public bool TryGet(string output, [NotNullWhen(true)] out NodeProto? node) => _byOutput.TryGetValue(output, out node);

    private static bool IsConstant(NodeProto node, HashSet<string> constants) => node.OpType == "Constant"
        || (node is { OpType: "Identity", Inputs: [var of] } && constants.Contains(of));

    private bool IsOfSizes(NodeProto node, HashSet<string> constants, HashSet<string> values) => node.OpType == "Shape"
        ? node.Inputs is [var of] && values.Contains(of)
        : _operators.Contains(node.OpType) && node.Inputs is [{ Length: > 0 }, ..]
            && node.Inputs.All(name => name.Length == 0 || constants.Contains(name) || _byOutput.ContainsKey(name));
}
