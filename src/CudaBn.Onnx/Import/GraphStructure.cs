using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>Finds the chain of nodes and residual blocks that leads from the input of a graph to its output.</summary>
/// <remarks>Every value has one before it on its way: of an addition that is where its branches part, and the nodes in between
/// become a block. A node in two blocks, or in a block and beside it, makes the graph something else.</remarks>
internal sealed class GraphStructure
{
    // Layers are initialized and disposed recursively.
    private const int DeepestBlock = 64;

    private readonly ModelGraph _graph;
    private readonly Dictionary<string, GraphValue> _values = new(StringComparer.Ordinal);

    private GraphStructure(ModelGraph graph)
    {
        _graph = graph;
        _values.Add(graph.Input, new GraphValue());
        foreach (var node in graph.Nodes)
            Add(node);
    }

    /// <exception cref="InvalidDataException">There is no such chain: the message names the node where it ends.</exception>
    public static IReadOnlyList<GraphItem> Of(ModelGraph graph) => new GraphStructure(graph).Chain();

    private void Add(NodeProto node)
    {
        var inputs = node.Inputs
            .Where(name => name.Length > 0 && !_graph.IsConstant(name) && !_graph.Shapes.Contains(name))
            .Select(name => ValueOf(node, name)).ToArray();
        var value = inputs switch
        {
            [var input] => HalfOfTwiceGelu(node, input) ?? new GraphValue(new GraphNode(node, node.OpType), node, input, 0),
            [var left, var right] when node.OpType == "Add" => Join(node, left, right),
            [var left, var right] when node.OpType == "Mul" => Gate(node, left, right),
            [] => throw _graph.Fault(node, "an input that is computed from the model's"),
            _ => throw _graph.Fault(
                node, "one input that is computed, for only the two branches of a residual block are joined, by Add, and x with "
                + $"sigmoid(x), or with the erf of GELU, by Mul; found {inputs.Length}"),
        };
        if (_graph.IsConstant(node.Outputs[0]) || _graph.Shapes.Contains(node.Outputs[0])
            || !_values.TryAdd(node.Outputs[0], value))
            throw _graph.Fault(node, $"a new name for its output, found {FileText.Quoted(node.Outputs[0])}, which exists");
    }

    private GraphValue ValueOf(NodeProto node, string name) => _values.TryGetValue(name, out var value)
        ? value
        : throw _graph.Fault(node, $"an input of a node before it, found {FileText.Quoted(name)}, which none makes");

    private GraphValue Join(NodeProto node, GraphValue left, GraphValue right)
    {
        if (left == right)
            throw _graph.Fault(node, "two branches to add up, found one value twice");
        List<GraphItem> main = [], shortcut = [];
        var depth = 0;
        while (left != right)
        {
            var (later, branch) = left.Depth >= right.Depth ? (left, main) : (right, shortcut);
            Claim(later, node);
            branch.Add(later.Item!);
            depth = Math.Max(depth, later.BlockDepth);
            if (branch == main)
                left = later.Before!;
            else
                right = later.Before!;
        }

        if (depth == DeepestBlock)
            throw _graph.Fault(node, $"at most {DeepestBlock} residual blocks within each other");
        main.Reverse();
        shortcut.Reverse();
        return new GraphValue(
            main.Count == 0 ? new GraphBlock(node, shortcut, main) : new GraphBlock(node, main, shortcut), node, left, depth + 1);
    }

    private GraphValue Gate(NodeProto node, GraphValue left, GraphValue right)
    {
        if (left == right)
            return new GraphValue(new GraphNode(node, GraphNode.Square), node, left, 0);
        var (x, gate) = left.Depth < right.Depth ? (left, right) : (right, left);
        if (gate.Item is GraphNode { Operator: "Sigmoid" } && gate.Before == x)
        {
            Claim(gate, node);
            return new GraphValue(new GraphNode(node, GraphNode.Swish), node, x, 0);
        }

        if (gate.Item is GraphNode { Operator: GraphNode.Square } && gate.Before == x)
        {
            Claim(gate, node);
            return new GraphValue(new GraphNode(node, GraphNode.Cube), node, x, 0);
        }

        if (GeluProduct.Of(_graph, x, gate) is not { } gelu)
            throw _graph.Fault(
                node, "x and sigmoid(x) to multiply, or the factors of GELU, x * 0.5 * (1 + erf(x / sqrt(2))), found two other "
                + "values");
        foreach (var value in gelu.Within)
            Claim(value, node);
        return new GraphValue(new GraphNode(node, gelu.Operator), node, gelu.X, 0);
    }

    private GraphValue? HalfOfTwiceGelu(NodeProto node, GraphValue input)
    {
        if (input.Item is not GraphNode { Operator: GraphNode.TwiceGelu or GraphNode.TwiceGeluTanh } twice
            || GeluProduct.FactorOf(_graph, new GraphNode(node, node.OpType)) != 0.5)
            return null;
        Claim(input, node);
        var whole = twice.Operator == GraphNode.TwiceGelu ? GraphNode.Gelu : GraphNode.GeluTanh;
        return new GraphValue(new GraphNode(node, whole), node, input.Before!, 0);
    }

    private void Claim(GraphValue value, NodeProto by)
    {
        if (value.IsClaimed)
            throw _graph.Fault(
                by, $"a residual block of its own, found the output {FileText.Quoted(value.Node!.Outputs[0])} of another: the graph "
                + "is no chain of residual blocks");
        value.IsClaimed = true;
    }

    private List<GraphItem> Chain()
    {
        if (!_values.TryGetValue(_graph.Output, out var value))
            throw _graph.Fault($"a node that makes the output {FileText.Quoted(_graph.Output)}, found none");
        var chain = new List<GraphItem>();
        for (; value.Item is not null; value = value.Before!)
        {
            Claim(value, value.Node!);
            chain.Add(value.Item);
        }

        chain.Reverse();
        return chain;
    }
}
