using CudaBn.Onnx.Format;

namespace CudaBn.Tests.Onnx;

/// <summary>ONNX files made by hand, as other writers make them.</summary>
internal sealed class OnnxFile
{
    private readonly ModelProto _model = new() { IrVersion = 8, ProducerName = "pytorch", Graph = new GraphProto() };

    public OnnxFile(int operatorSet = 17, TensorDataType type = TensorDataType.Float, params int[] sizes)
    {
        _model.OperatorSets.Add(new OperatorSetIdProto("", operatorSet));
        _model.Graph!.Inputs.Add(ValueInfoProto.Of(
            "x", type, sizes.Select((size, axis) => size < 0 ? new DimensionProto(null, $"d{axis}") : new DimensionProto(size))));
        _model.Graph.Outputs.Add(new ValueInfoProto("y", new TypeProto(new TensorTypeProto(type, Shape: null))));
    }

    public ModelProto Model => _model;

    public GraphProto Graph => _model.Graph!;

    /// <summary>Adds a node by a line such as <c>y = Conv(x, w)</c>, whose name is that of its output with a slash in
    /// front; <c>_</c> stands for an input that is left out.</summary>
    public OnnxFile Node(string line, params AttributeProto[] attributes)
    {
        var (output, call) = (line[..line.IndexOf(" = ", StringComparison.Ordinal)], line[(line.IndexOf(" = ", StringComparison.Ordinal) + 3)..]);
        var open = call.IndexOf('(', StringComparison.Ordinal);
        Graph.Nodes.Add(new NodeProto
        {
            OpType = call[..open],
            Name = $"/{output}",
            Inputs = call[(open + 1)..^1].Split(", ", StringSplitOptions.None).Where(name => name.Length > 0)
                .Select(name => name == "_" ? "" : name).ToArray(),
            Outputs = [output],
            Attributes = attributes,
        });
        return this;
    }

    public OnnxFile Floats(string name, int[] dims, params float[] values)
    {
        Graph.Initializers.Add(FloatTensor(name, dims, values));
        return this;
    }

    public OnnxFile Integers(string name, params long[] values)
    {
        Graph.Initializers.Add(IntegerTensor(name, values));
        return this;
    }

    public static TensorProto FloatTensor(string name, int[] dims, params float[] values) => new()
    {
        Name = name,
        DataType = TensorDataType.Float,
        Dims = [.. dims.Select(size => (long)size)],
        Elements = values.SelectMany(BitConverter.GetBytes).ToArray(),
    };

    public static TensorProto IntegerTensor(string name, params long[] values) => new()
    {
        Name = name,
        DataType = TensorDataType.Int64,
        Dims = [values.Length],
        Elements = values.SelectMany(BitConverter.GetBytes).ToArray(),
    };

    public byte[] ToArray() => MessageWriter.ToArray(_model);
}
