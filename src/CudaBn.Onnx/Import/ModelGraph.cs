using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>A file that holds one graph of known operators with one input and one output: its nodes, and its constants by
/// name.</summary>
internal sealed class ModelGraph
{
    private const int MostNodes = 20_000;
    private const int FirstOperatorSet = 7;
    private const int LastOperatorSet = 22;
    private const int NamesShown = 20;

    private static readonly HashSet<string> _operators =
    [
        "Add", "AveragePool", "BatchNormalization", "Constant", "Conv", "Div", "Dropout", "Erf", "Flatten", "Gelu", "Gemm",
        "GlobalAveragePool", "Identity", "LeakyRelu", "MatMul", "MaxPool", "Mul", "Pad", "Pow", "ReduceMean", "Relu", "Reshape",
        "Sigmoid", "Squeeze", "Sub", "Tanh", "Transpose",
    ];

    private readonly string _path;
    private readonly Dictionary<string, TensorProto> _constants = new(StringComparer.Ordinal);
    private readonly HashSet<string> _transposed = new(StringComparer.Ordinal);
    private readonly ValueInfoProto _input;

    private ModelGraph(ModelProto model, GraphProto graph, string path)
    {
        _path = path;
        OperatorSet = OperatorSetOf(model);
        Options = LayerOptions.Of(model);
        IsExported = model.ProducerName == OnnxExport.Producer;
        var folded = new FoldedIntegers(graph);
        Shapes = new ShapeNodes(graph, folded);
        RequireOperators(graph, folded);
        AddConstants(graph, folded);
        // Up to IR version 3, initializers were inputs, too.
        _input = OnlyOne(graph.Inputs.Where(value => !IsConstant(value.Name)), "input");
        Output = OnlyOne(graph.Outputs, "output").Name;
        DType = _input.Type?.Tensor?.ElementType switch
        {
            TensorDataType.Float => DType.Float32,
            TensorDataType.Double => DType.Float64,
            var other => throw Fault(
                $"input {FileText.Quoted(Input)} of float or double, found type {(int)(other ?? TensorDataType.Undefined)}"),
        };
    }

    /// <summary>The nodes that compute something, in an order in which they can run.</summary>
    public List<NodeProto> Nodes { get; } = [];

    /// <summary>Those that compute shapes.</summary>
    public ShapeNodes Shapes { get; }

    public string Input => _input.Name;

    public string Output { get; }

    public DType DType { get; }

    public TensorDataType ElementType => DType == DType.Float32 ? TensorDataType.Float : TensorDataType.Double;

    public int OperatorSet { get; }

    /// <summary>Whether <see cref="OnnxExport"/> wrote the file, so that nodes are named after layers.</summary>
    public bool IsExported { get; }

    public LayerOptions Options { get; }

    /// <exception cref="InvalidDataException">The file holds something else.</exception>
    public static ModelGraph Of(ModelProto model, string path) => model.Graph is { } graph
        ? new ModelGraph(model, graph, path)
        : throw new InvalidDataException($"{path}: byte 0: expected an ONNX model with a graph, found none.");

    /// <summary>Whether a domain is that of ONNX's own operators.</summary>
    public static bool IsOnnx(string domain) => domain is "" or "ai.onnx";

    public bool IsConstant(string value) => _constants.ContainsKey(value);

    /// <summary>A constant that a node takes.</summary>
    public ConstantTensor Constant(NodeProto node, string name)
    {
        if (!_constants.TryGetValue(name, out var tensor))
            throw Fault(node, $"a constant, found {FileText.Quoted(name)}, which is computed");
        var constant = ConstantTensor.Of(tensor, out var fault)
            ?? throw Fault(node, $"of its input {FileText.Quoted(name)} {fault}");
        return _transposed.Contains(name) ? constant.Transposed() : constant;
    }

    /// <summary>The shape of an input: what the file says, or else the caller.</summary>
    public Shape InputShape(Shape? given)
    {
        var dimensions = _input.Type?.Tensor?.Shape?.Dimensions
            ?? (given is null ? [] : [.. given.Value.Sizes.ToArray().Select(_ => new DimensionProto(null))]);
        var text = FileText.Quoted($"[{string.Join(", ", dimensions)}]");
        if (given is { } shape)
        {
            var isFit = shape.Rank == dimensions.Count && !dimensions.Skip(1).Select(d => d.Value).Zip(
                shape.Sizes[1..].ToArray()).Any(pair => pair.First is { } size && size != pair.Second);
            return isFit
                ? shape
                : throw new ArgumentException($"{_path}: its input is {text}, not {shape}.", nameof(given));
        }

        if (dimensions.Count == 0 || dimensions.Skip(1).Any(d => d.Value is null))
            throw Fault($"sizes of input {FileText.Quoted(Input)} that are not open, or a given input shape, found {text}");
        if (dimensions.Any(d => d.Value is <= 0 or > int.MaxValue))
            throw Fault($"positive sizes of input {FileText.Quoted(Input)}, found {text}");
        try
        {
            return new Shape([.. dimensions.Select(d => (int)(d.Value ?? 1))]);
        }
        catch (OverflowException fault)
        {
            throw new InvalidDataException($"{_path}: byte 0: {fault.Message}", fault);
        }
    }

    public InvalidDataException Fault(NodeProto node, string expected, Exception? cause = null) =>
        new($"{_path}: byte {node.Offset}: {Describe(node)}: expected {expected}.", cause);

    public InvalidDataException Fault(string expected) => new($"{_path}: byte 0: expected {expected}.");

    private static string Describe(NodeProto node) =>
        $"node {FileText.Quoted(NameOf(node))} ({FileText.Quoted(node.OpType)[1..^1]})";

    // Names of nodes are optional; those of their outputs are not.
    private static string NameOf(NodeProto node) => node.Name.Length > 0 ? node.Name : node.Outputs[0];

    private int OperatorSetOf(ModelProto model)
    {
        var version = model.OperatorSets.Where(set => IsOnnx(set.Domain)).Select(set => set.Version).DefaultIfEmpty(0).Max();
        return version is >= FirstOperatorSet and <= LastOperatorSet
            ? (int)version
            : throw Fault($"operators of opset {FirstOperatorSet} to {LastOperatorSet}, found {version}");
    }

    private void RequireOperators(GraphProto graph, FoldedIntegers folded)
    {
        if (graph.Nodes.Count > MostNodes)
            throw Fault($"at most {MostNodes} nodes, found {graph.Nodes.Count}");
        if (graph.SparseInitializers > 0)
            throw Fault($"no sparse initializers, found {graph.SparseInitializers}");
        var unknown = graph.Nodes
            .Where(node => !Shapes.Contains(node) && !folded.Contains(node)
                && (!IsOnnx(node.Domain) || !_operators.Contains(node.OpType)))
            .ToArray();
        if (unknown.Length == 0)
            return;
        var texts = unknown
            .GroupBy(node => IsOnnx(node.Domain) ? node.OpType : $"{node.Domain}.{node.OpType}", StringComparer.Ordinal)
            .Select(group => $"{FileText.Quoted(group.Key)[1..^1]} ({List(group.Select(node => FileText.Quoted(NameOf(node))))})");
        throw new InvalidDataException(
            $"{_path}: byte {unknown[0].Offset}: operators that are not supported: {List(texts)}.");
    }

    private static string List(IEnumerable<string> texts)
    {
        var all = texts.ToArray();
        return string.Join(", ", all.Take(NamesShown)) + (all.Length > NamesShown ? $" and {all.Length - NamesShown} more" : "");
    }

    private void AddConstants(GraphProto graph, FoldedIntegers folded)
    {
        foreach (var tensor in graph.Initializers)
        {
            if (!_constants.TryAdd(tensor.Name, tensor))
                throw Fault($"initializers of different names, found two {FileText.Quoted(tensor.Name)}");
        }

        foreach (var node in graph.Nodes)
        {
            if (node.OpType == "Constant")
                AddConstant(node, ValueOf(node));
            else if (folded.Contains(node))
                AddConstant(node, folded[node]);
            else if (node is { OpType: "Identity" or "Transpose", Inputs: [var of] } && _constants.TryGetValue(of, out var tensor)
                && (node.OpType == "Identity" || IsTransposition(node, tensor)))
                AddConstant(node, tensor, isTransposed: _transposed.Contains(of) != (node.OpType == "Transpose"));
            else if (!Shapes.Contains(node))
                Nodes.Add(node);
        }
    }

    // Of a matrix of weights.
    private static bool IsTransposition(NodeProto node, TensorProto tensor) =>
        tensor is { Dims.Count: 2, DataType: TensorDataType.Float or TensorDataType.Double }
        && node.Attributes is [] or [{ Name: "perm", Type: AttributeType.Ints, Ints: [1, 0] }];

    private void AddConstant(NodeProto node, TensorProto value, bool isTransposed = false)
    {
        if (!_constants.TryAdd(node.Outputs[0], value))
            throw Fault(node, $"a new name for its output, found {FileText.Quoted(node.Outputs[0])}, which exists");
        if (isTransposed)
            _transposed.Add(node.Outputs[0]);
    }

    private TensorProto ValueOf(NodeProto node) => node.Attributes switch
    {
        [{ Name: "value", Type: AttributeType.Tensor, Tensor: { } tensor }] => tensor,
        [{ Name: "value_int", Type: AttributeType.Int } one] => Integers([], [one.Int]),
        [{ Name: "value_ints", Type: AttributeType.Ints } several] => Integers([several.Ints.Count], several.Ints),
        [{ Name: "value_float", Type: AttributeType.Float } one] => Floats([], [one.Float]),
        [{ Name: "value_floats", Type: AttributeType.Floats } several] => Floats([several.Floats.Count], several.Floats),
        _ => throw Fault(node, "a tensor or numbers as its only attribute"),
    };

    private static TensorProto Integers(long[] dims, IReadOnlyList<long> values) =>
        new() { DataType = TensorDataType.Int64, Dims = dims, Integers = values };

    private static TensorProto Floats(long[] dims, IReadOnlyList<float> values) => new()
    {
        DataType = TensorDataType.Float,
        Dims = dims,
        Elements = values.SelectMany(BitConverter.GetBytes).ToArray(),
    };

    private ValueInfoProto OnlyOne(IEnumerable<ValueInfoProto> values, string what)
    {
        var all = values.ToArray();
        return all.Length == 1
            ? all[0]
            : throw Fault($"one {what}, found {all.Length}: {List(all.Select(value => FileText.Quoted(value.Name)))}");
    }
}
