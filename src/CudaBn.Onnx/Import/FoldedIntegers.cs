using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>Nodes that compute a few whole numbers out of constants, as PyTorch writes the sizes of a Pad: what they make is a
/// constant, too.</summary>
internal sealed class FoldedIntegers
{
    // A padding of five axes has ten. Files must not ask for more work than they have bytes.
    private const int MostElements = 16;

    private readonly Dictionary<string, TensorProto> _constants = new(StringComparer.Ordinal);
    private readonly HashSet<NodeProto> _folded = [];

    public FoldedIntegers(GraphProto graph)
    {
        foreach (var tensor in graph.Initializers)
            _constants.TryAdd(tensor.Name, tensor);
        foreach (var node in graph.Nodes)
        {
            if (node is { OpType: "Constant", Attributes: [{ Tensor: { } tensor }] })
                _constants.TryAdd(node.Outputs[0], tensor);
            else if (ModelGraph.IsOnnx(node.Domain) && Of(node) is { } made && _constants.TryAdd(node.Outputs[0], made))
                _folded.Add(node);
        }
    }

    public bool Contains(NodeProto node) => _folded.Contains(node);

    /// <summary>What a node makes that is one of these.</summary>
    public TensorProto this[NodeProto node] => _constants[node.Outputs[0]];

    private TensorProto? Of(NodeProto node)
    {
        var inputs = node.Inputs.Select(Constant).OfType<ConstantTensor>().ToArray();
        if (inputs.Length == 0 || inputs.Length != node.Inputs.Count)
            return null;
        var made = node.OpType switch
        {
            "ConstantOfShape" => Filled(node, inputs),
            "Concat" => inputs.All(input => input.Sizes.Length == 1) && node.Attributes is [{ Name: "axis", Int: 0 }]
                ? Numbers([.. inputs.SelectMany(input => input.Integers())])
                : null,
            "Reshape" => Reshaped(node, inputs),
            "Slice" => Sliced(node, inputs),
            "Transpose" => Transposed(node, inputs[0]),
            "Cast" => node.Attributes is [{ Name: "to", Int: (long)TensorDataType.Int64 }]
                ? Numbers(inputs[0].Integers(), inputs[0].Sizes)
                : null,
            _ => null,
        };
        return made is null || made.Integers.Count > MostElements ? null : made;
    }

    private ConstantTensor? Constant(string name) =>
        _constants.TryGetValue(name, out var tensor) && tensor.DataType == TensorDataType.Int64
        && ConstantTensor.Of(tensor, out _) is { Count: <= MostElements } constant
            ? constant
            : null;

    private static TensorProto? Filled(NodeProto node, ConstantTensor[] inputs) =>
        inputs is [{ Count: 1 } size] && size.Integers()[0] is >= 0 and <= MostElements and var count
        && node.Attributes is [{ Name: "value", Tensor: { DataType: TensorDataType.Int64 } value }]
        && ConstantTensor.Of(value, out _) is { Count: 1 } number
            ? Numbers([.. Enumerable.Repeat(number.Integers()[0], (int)count)])
            : null;

    private static TensorProto? Reshaped(NodeProto node, ConstantTensor[] inputs)
    {
        if (inputs is not [var data, { Count: 1 or 2 } shape] || node.Attributes.Count > 0)
            return null;
        var sizes = shape.Integers();
        var known = sizes.Where(size => size != -1).Aggregate(1L, (product, size) => product * size);
        return sizes.All(size => size is -1 or (> 0 and <= MostElements)) && data.Count > 0 && data.Count % known == 0
            && sizes.Count(size => size == -1) == (known == data.Count ? 0 : 1)
                ? Numbers(data.Integers(), [.. sizes.Select(size => (int)(size == -1 ? data.Count / known : size))])
                : null;
    }

    // By inputs, which is how PyTorch turns the order round: some rows, forwards or backwards.
    private static TensorProto? Sliced(NodeProto node, ConstantTensor[] inputs)
    {
        if (inputs is not [{ Sizes.Length: > 0 } data, { Count: 1 } from, { Count: 1 } to, { Count: 1 } axis, { Count: 1 } by]
            || node.Attributes.Count > 0 || axis.Integers()[0] != 0 || by.Integers()[0] is not (1 or -1) || data.Count == 0)
            return null;
        var (rows, step) = (data.Sizes[0], by.Integers()[0]);
        var (lowest, highest) = step > 0 ? (0, rows) : (-1, rows - 1);
        var numbers = data.Integers().Chunk(data.Count / rows).ToArray();
        List<long> chosen = [];
        for (var row = Place(from); step > 0 ? row < Place(to) : row > Place(to); row += step)
            chosen.AddRange(numbers[row]);
        return Numbers([.. chosen], [chosen.Count * rows / data.Count, .. data.Sizes[1..]]);

        long Place(ConstantTensor given) => given.Integers()[0] is var place && place < 0
            ? Math.Clamp(place + rows, lowest, highest)
            : Math.Clamp(place, lowest, highest);
    }

    private static TensorProto? Transposed(NodeProto node, ConstantTensor data)
    {
        if (data.Sizes is not [var rows, var columns] || node.Attributes is not [{ Name: "perm", Ints: [1, 0] }])
            return null;
        var numbers = data.Integers();
        return Numbers([.. Enumerable.Range(0, data.Count).Select(i => numbers[i % rows * columns + i / rows])], [columns, rows]);
    }

    private static TensorProto Numbers(long[] values, int[]? sizes = null) => new()
    {
        DataType = TensorDataType.Int64,
        Dims = sizes is null ? [values.Length] : [.. sizes.Select(size => (long)size)],
        Integers = values,
    };
}
