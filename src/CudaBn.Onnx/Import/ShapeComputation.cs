using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>Works out a shape that nodes compute. Of the value that is reshaped all sizes are known, of others the first, N, which
/// no layer changes.</summary>
/// <param name="graph">The graph.</param>
/// <param name="reshaped">The name of the value.</param>
/// <param name="input">Its shape.</param>
internal sealed class ShapeComputation(ModelGraph graph, string reshaped, long[] input)
{
    private const int MostSizes = 8;

    // Keeps files from asking for more work than they have bytes.
    private const int MostNodes = 32;

    private int _visited;

    /// <summary>The sizes that a node asks for.</summary>
    /// <param name="by">The node.</param>
    /// <param name="name">What they are called.</param>
    /// <exception cref="InvalidDataException">They depend on what is not known here.</exception>
    public long[] Of(NodeProto by, string name)
    {
        var sizes = SizesOf(by, name);
        return sizes.Contains(null)
            ? throw graph.Fault(by, $"a shape {FileText.Quoted(name)} out of its input's sizes, N and numbers")
            : Array.ConvertAll(sizes, size => size!.Value);
    }

    // Null for a size that is not known. A number by itself counts as a list of one.
    private long?[] SizesOf(NodeProto by, string name)
    {
        if (!graph.Shapes.TryGet(name, out var node))
            return Array.ConvertAll(Numbers(by, name), number => (long?)number);
        if (++_visited > MostNodes)
            throw graph.Fault(by, $"a shape that at most {MostNodes} nodes compute");
        var attributes = new NodeAttributes(graph, node);
        var sizes = node.OpType switch
        {
            "Shape" => Part(
                node.Inputs[0] == reshaped ? AllSizes() : [input[0], .. new long?[MostSizes - 1]],
                attributes.Int("start", 0), attributes.Int("end", int.MaxValue)),
            "Gather" => Gathered(node, attributes),
            "Slice" => Sliced(node, attributes),
            "Concat" => Joined(node, attributes),
            "Cast" => Cast(node, attributes),
            "Identity" => First(node),
            _ => One(node, attributes),
        };
        attributes.RequireNoMore();
        return sizes.Length <= MostSizes
            ? sizes
            : throw graph.Fault(node, $"a shape of at most {MostSizes} sizes, found {sizes.Length}");
    }

    private long?[] First(NodeProto node) => SizesOf(node, node.Inputs[0]);

    private long?[] AllSizes() => Array.ConvertAll(input, size => (long?)size);

    private long?[] Gathered(NodeProto node, NodeAttributes attributes)
    {
        attributes.RequireInt("axis", 0);
        var sizes = First(node);
        return Array.ConvertAll(Numbers(node, 1), index =>
        {
            var place = index < 0 ? index + sizes.Length : index;
            return place >= 0 && place < sizes.Length
                ? sizes[place]
                : throw graph.Fault(node, $"an index of {sizes.Length} sizes, found {index}");
        });
    }

    // Up to opset 9, attributes say where; from then on, inputs.
    private long?[] Sliced(NodeProto node, NodeAttributes attributes)
    {
        var isByInputs = graph.OperatorSet >= 10;
        var starts = isByInputs ? Numbers(node, 1) : attributes.Ints("starts");
        var ends = isByInputs ? Numbers(node, 2) : attributes.Ints("ends");
        var axes = !isByInputs ? attributes.Ints("axes") : Has(node, 3) ? Numbers(node, 3) : null;
        var steps = isByInputs && Has(node, 4) ? Numbers(node, 4) : null;
        return starts is [var start] && ends is [var end] && axes is null or [0 or -1] && steps is null or [1]
            ? Part(First(node), start, end)
            : throw graph.Fault(node, "one start and one end along axis 0, with a step of 1");
    }

    private long?[] Joined(NodeProto node, NodeAttributes attributes)
    {
        if (attributes.Int("axis", 0) is not (0 or -1) || node.Inputs.Count > MostSizes)
            throw graph.Fault(node, $"at most {MostSizes} lists of sizes to join along axis 0");
        return [.. node.Inputs.SelectMany(name => SizesOf(node, name))];
    }

    private long?[] Cast(NodeProto node, NodeAttributes attributes) =>
        (TensorDataType)attributes.Int("to", 0) is TensorDataType.Int64 or TensorDataType.Int32
            ? First(node)
            : throw graph.Fault(node, "sizes as int64 or int32");

    // Squeeze and Unsqueeze make a number of a list of one, or the other way round.
    private long?[] One(NodeProto node, NodeAttributes attributes)
    {
        attributes.Ignore("axes");
        var sizes = First(node);
        return sizes.Length == 1 ? sizes : throw graph.Fault(node, $"one size, found {sizes.Length}");
    }

    private static long?[] Part(long?[] sizes, long start, long end)
    {
        var first = Place(start);
        return sizes[first..Math.Max(first, Place(end))];

        int Place(long position) => (int)Math.Clamp(position < 0 ? position + sizes.Length : position, 0, sizes.Length);
    }

    private static bool Has(NodeProto node, int index) => index < node.Inputs.Count && node.Inputs[index].Length > 0;

    private long[] Numbers(NodeProto node, int index) => Has(node, index)
        ? Numbers(node, node.Inputs[index])
        : throw graph.Fault(node, $"an input {index}, found {node.Inputs.Count} inputs");

    private long[] Numbers(NodeProto node, string name) =>
        graph.Constant(node, name) is { Count: <= MostSizes, DataType: TensorDataType.Int64 or TensorDataType.Int32 } numbers
            ? numbers.Integers()
            : throw graph.Fault(node, $"at most {MostSizes} whole numbers {FileText.Quoted(name)}");
}
