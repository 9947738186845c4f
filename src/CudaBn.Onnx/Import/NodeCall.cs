using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>A node, the shape of the value that it is called with, and its constants.</summary>
internal sealed class NodeCall(ModelGraph graph, GraphNode item, Shape input)
{
    public ModelGraph Graph => graph;

    public NodeProto Node => item.Node;

    public string Operator => item.Operator;

    public Shape Input => input;

    public NodeAttributes Attributes { get; } = new(graph, item.Node);

    /// <summary>The number of spatial axes of [N, C, ...spatial].</summary>
    public int Axes => input.Rank - 2;

    /// <summary>The name of the layer in a file of <see cref="OnnxExport"/>, which tells options by it; empty elsewhere.</summary>
    public string OwnPath => graph.IsExported && Node.Name != Node.OpType ? Node.Name : "";

    public bool HasConstant(int index) =>
        HasInput(index) && graph.IsConstant(Node.Inputs[index]);

    /// <summary>Whether there is such an input; those at the end, and empty names, stand for none.</summary>
    public bool HasInput(int index) => index < Node.Inputs.Count && Node.Inputs[index].Length > 0;

    /// <summary>An input that is a constant.</summary>
    public ConstantTensor Constant(int index) => HasInput(index)
        ? graph.Constant(Node, Node.Inputs[index])
        : throw Fault($"an input {index}, found {Node.Inputs.Count} inputs");

    /// <summary>An input that is a constant of the model's element type.</summary>
    public ConstantTensor Reals(int index)
    {
        var constant = Constant(index);
        return constant.DataType == graph.ElementType
            ? constant
            : throw Fault($"{FileText.Quoted(Node.Inputs[index])} of type {graph.ElementType}, found {constant.DataType}");
    }

    /// <summary>The elements of an input that is a constant of the model's element type and of some sizes.</summary>
    public ReadOnlyMemory<byte> Elements(int index, params ReadOnlySpan<int> sizes)
    {
        var constant = Reals(index);
        return constant.Sizes.AsSpan().SequenceEqual(sizes)
            ? constant.Elements
            : throw Fault(
                $"{FileText.Quoted(Node.Inputs[index])} of [{string.Join(", ", sizes.ToArray())}], found "
                + $"[{string.Join(", ", constant.Sizes)}]");
    }

    /// <summary>Whether an input is a constant with a number for each channel of images: [C, 1, ...] or [1, C, 1, ...], as many
    /// axes of size 1 behind the channels as there are of space.</summary>
    public bool HasPerChannel(int index, int channels) =>
        HasConstant(index) && Constant(index) is var constant && constant.DataType == graph.ElementType
        && constant.Count == channels && constant.Sizes.Length > Axes && constant.Sizes.Length <= input.Rank
        && constant.Sizes[^(Axes + 1)] == channels;

    /// <summary>Requires that the computed input is the first.</summary>
    public void RequireComputedFirst()
    {
        if (Node.Inputs.Count == 0 || HasConstant(0))
            throw Fault("a first input that is computed");
    }

    /// <summary>A layer for this node.</summary>
    /// <param name="create">Makes it; an ArgumentException says why there is no such layer.</param>
    /// <param name="weights">What its tensors shall hold.</param>
    public ImportedLayer Layer(
        Func<Layer> create, params IReadOnlyList<(string Name, ReadOnlyMemory<byte> Elements)> weights) =>
        Layer(create, Node.Inputs, weights);

    /// <summary>A layer for this node and others, whose weights have these names in the file.</summary>
    public ImportedLayer Layer(
        Func<Layer> create, IEnumerable<string> names,
        params IReadOnlyList<(string Name, ReadOnlyMemory<byte> Elements)> weights)
    {
        try
        {
            var path = OwnPath.Length > 0 ? LayerPath.Of(OwnPath) : LayerPath.OfTensors(names);
            return new ImportedLayer(create(), path, weights);
        }
        catch (ArgumentException fault)
        {
            throw Fault($"what a layer can do: {fault.Message.TrimEnd('.')}", fault);
        }
    }

    /// <summary>The shape of what a layer makes of the input.</summary>
    public Shape OutputOf(Layer layer)
    {
        try
        {
            return layer.CachedOutputShape(input);
        }
        catch (Exception fault) when (fault is ArgumentException or OverflowException)
        {
            throw Fault($"an input that fits: {fault.Message.TrimEnd('.')}", fault);
        }
    }

    public InvalidDataException Fault(string expected, Exception? cause = null) => graph.Fault(Node, expected, cause);
}
