using System.Runtime.InteropServices;
using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Export;

/// <summary>A graph that grows node by node. Names of nodes are the paths of layers; a name that is taken gets a number.</summary>
/// <param name="dtype">The element type of all values.</param>
internal sealed class GraphBuilder(DType dtype)
{
    private readonly HashSet<string> _values = [];
    private readonly HashSet<string> _nodes = [];
    private readonly HashSet<string> _initializers = [];

    public GraphProto Graph { get; } = new();

    /// <summary>What layers are told that has no place in their nodes.</summary>
    public LayerOptions Options { get; } = new();

    public TensorDataType ElementType { get; } =
        dtype == DType.Float32 ? TensorDataType.Float : TensorDataType.Double;

    /// <summary>Keeps a name for a value, so that no node takes it.</summary>
    public void Reserve(string value)
    {
        if (!_values.Add(value))
            throw new ArgumentException($"Two values of the graph would be named '{value}'.");
    }

    /// <summary>Adds a node of one output.</summary>
    /// <returns>The name of the output.</returns>
    public string Add(
        string operatorType, string name, IReadOnlyList<string> inputs, params IReadOnlyList<AttributeProto> attributes)
    {
        var node = Unused(name.Length == 0 ? operatorType : name, _nodes);
        var output = Unused($"{node}/output", _values);
        Graph.Nodes.Add(new NodeProto
        {
            OpType = operatorType,
            Name = node,
            Inputs = inputs,
            Outputs = [output],
            Attributes = attributes,
        });
        return output;
    }

    /// <summary>Adds a tensor of a layer under its own name, once.</summary>
    /// <returns>The name.</returns>
    public string AddWeight(string name, Tensor tensor)
    {
        if (!_initializers.Add(name))
            return name;
        Reserve(name);
        var bytes = dtype == DType.Float32
            ? MemoryMarshal.AsBytes<float>(tensor.ToArray<float>()).ToArray()
            : MemoryMarshal.AsBytes<double>(tensor.ToArray<double>()).ToArray();
        AddInitializer(name, ElementType, tensor.Shape.Sizes.ToArray(), bytes);
        return name;
    }

    /// <summary>Adds numbers of the element type of the graph.</summary>
    /// <returns>The name of the tensor.</returns>
    public string AddConstant(string name, double[] values, params int[] sizes)
    {
        var bytes = dtype == DType.Float32
            ? MemoryMarshal.AsBytes<float>(Array.ConvertAll(values, value => (float)value)).ToArray()
            : MemoryMarshal.AsBytes<double>(values).ToArray();
        var unused = Unused(name, _values);
        AddInitializer(unused, ElementType, sizes, bytes);
        return unused;
    }

    /// <summary>Gives the value that was made last another name.</summary>
    public void NameLastOutput(string name)
    {
        Reserve(name);
        Graph.Nodes[^1].Outputs = [name];
    }

    private void AddInitializer(string name, TensorDataType type, int[] sizes, byte[] elements) =>
        Graph.Initializers.Add(new TensorProto
        {
            Name = name,
            DataType = type,
            Dims = Array.ConvertAll(sizes, size => (long)size),
            Elements = elements,
        });

    private static string Unused(string name, HashSet<string> used)
    {
        var unused = name;
        for (var number = 2; !used.Add(unused); number++)
            unused = $"{name}_{number}";
        return unused;
    }
}
