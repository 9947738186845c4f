using System.Runtime.InteropServices;

namespace CudaBn.Bench;

/// <summary>Models in ONNX's format, made in memory. Field numbers are those of onnx.proto3.</summary>
public sealed class OnnxModel
{
    private const int IrVersion = 8;
    private const int OperatorSet = 17;
    private const int FloatType = 1;

    private readonly ProtobufMessage _graph = new();
    private readonly Shape _input;
    private string _value = "input";
    private int _nodes;
    private int _tensors;

    private OnnxModel(Shape input) => _input = input;

    public static byte[] Conv2d(Conv2dShape shape, Tensor weight)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var model = new OnnxModel([shape.Batch, shape.InChannels, shape.Size, shape.Size]);
        model.Convolve(weight, bias: null, (shape.Kernel, shape.Kernel), shape.Stride, shape.Padding);
        return model.ToArray([shape.Batch, shape.OutChannels, shape.OutSize, shape.OutSize]);
    }

    public static byte[] MaxPool2d(MaxPool2dShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var model = new OnnxModel([shape.Batch, shape.Channels, shape.Size, shape.Size]);
        model.Pool(shape.Window, shape.Stride, shape.Padding);
        return model.ToArray([shape.Batch, shape.Channels, shape.OutSize, shape.OutSize]);
    }

    public static byte[] BatchNorm(
        BatchNormShape shape, Tensor gamma, Tensor beta, Tensor mean, Tensor variance, double epsilon)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var model = new OnnxModel(shape.TensorShape);
        model.Normalize(gamma, beta, mean, variance, epsilon);
        return model.ToArray(shape.TensorShape);
    }

    /// <param name="layers">Conv2d, BatchNorm, ReLU, MaxPool2d, Flatten and Linear layers, the last one of these.</param>
    /// <param name="input">[N, C, H, W].</param>
    public static byte[] Network(IReadOnlyList<Layer> layers, Shape input)
    {
        ArgumentNullException.ThrowIfNull(layers);
        var model = new OnnxModel(input);
        foreach (var layer in layers)
        {
            switch (layer)
            {
                case Conv2d conv:
                    model.Convolve(
                        conv.Weight!.Value, conv.Bias?.Value, (conv.Kernel.Height, conv.Kernel.Width), conv.Stride.Height,
                        conv.Padding.Top);
                    break;
                case BatchNorm norm:
                    model.Normalize(
                        norm.Gamma!.Value, norm.Beta!.Value, norm.RunningMean!, norm.RunningVariance!, norm.Epsilon);
                    break;
                case ReLU:
                    model.AddNode("Relu", []);
                    break;
                case MaxPool2d pool:
                    model.Pool(pool.Window.Height, pool.Stride.Height, pool.Padding.Height);
                    break;
                case Flatten:
                    model.AddNode("Flatten", []);
                    break;
                case Linear linear:
                    model.AddNode(
                        "Gemm", [model.AddTensor(linear.Weight!.Value), model.AddTensor(linear.Bias!.Value)],
                        Flag("transB"));
                    break;
                default:
                    throw new ArgumentException($"A {layer.GetType().Name} has no node here.", nameof(layers));
            }
        }

        return model.ToArray([input[0], ((Linear)layers[^1]).OutFeatures]);
    }

    private void Convolve(Tensor weight, Tensor? bias, (int Height, int Width) kernel, int stride, int padding)
    {
        string[] inputs = bias is null ? [AddTensor(weight)] : [AddTensor(weight), AddTensor(bias)];
        AddNode(
            "Conv", inputs, Attribute("kernel_shape", kernel.Height, kernel.Width), Attribute("strides", stride, stride),
            Attribute("pads", padding, padding, padding, padding));
    }

    private void Pool(int window, int stride, int padding) => AddNode(
        "MaxPool", [], Attribute("kernel_shape", window, window), Attribute("strides", stride, stride),
        Attribute("pads", padding, padding, padding, padding));

    private void Normalize(Tensor gamma, Tensor beta, Tensor mean, Tensor variance, double epsilon) => AddNode(
        "BatchNormalization", [AddTensor(gamma), AddTensor(beta), AddTensor(mean), AddTensor(variance)],
        new ProtobufMessage().Add(1, "epsilon").Add(2, (float)epsilon).Add(20, 1));

    // AttributeProto: name 1, i 3, ints 8, type 20, which is 2 of one whole number and 7 of several.
    private static ProtobufMessage Flag(string name) => new ProtobufMessage().Add(1, name).Add(3, 1).Add(20, 2);

    private static ProtobufMessage Attribute(string name, params ReadOnlySpan<int> values)
    {
        var attribute = new ProtobufMessage().Add(1, name);
        foreach (var value in values)
            attribute.Add(8, (long)value);
        return attribute.Add(20, 7);
    }

    // NodeProto: input 1, output 2, op_type 4, attribute 5.
    private void AddNode(string type, string[] more, params ReadOnlySpan<ProtobufMessage> attributes)
    {
        var node = new ProtobufMessage();
        foreach (var input in (string[])[_value, .. more])
            node.Add(1, input);
        _value = $"value{++_nodes}";
        node.Add(2, _value).Add(4, type);
        foreach (var attribute in attributes)
            node.Add(5, attribute);
        _graph.Add(1, node);
    }

    // TensorProto: dims 1, data_type 2, name 8, raw_data 9.
    private string AddTensor(Tensor tensor)
    {
        var name = $"tensor{++_tensors}";
        var message = new ProtobufMessage();
        for (var i = 0; i < tensor.Shape.Rank; i++)
            message.Add(1, tensor.Shape[i]);
        message.Add(2, FloatType).Add(8, name).Add(9, MemoryMarshal.AsBytes<float>(tensor.ToArray<float>()).ToArray());
        _graph.Add(5, message);
        return name;
    }

    // ModelProto: ir_version 1, graph 7, opset_import 8. GraphProto: name 2, input 11, output 12.
    private byte[] ToArray(Shape output)
    {
        _graph.Add(2, "benchmark").Add(11, Value("input", _input)).Add(12, Value(_value, output));
        return new ProtobufMessage()
            .Add(1, IrVersion)
            .Add(7, _graph)
            .Add(8, new ProtobufMessage().Add(1, "").Add(2, OperatorSet))
            .ToArray();
    }

    // ValueInfoProto: name 1, type 2; TypeProto: tensor_type 1, whose elem_type is 1 and shape 2; dim 1, dim_value 1.
    private static ProtobufMessage Value(string name, Shape shape)
    {
        var dimensions = new ProtobufMessage();
        for (var i = 0; i < shape.Rank; i++)
            dimensions.Add(1, new ProtobufMessage().Add(1, shape[i]));
        return new ProtobufMessage()
            .Add(1, name)
            .Add(2, new ProtobufMessage().Add(1, new ProtobufMessage().Add(1, FloatType).Add(2, dimensions)));
    }
}
