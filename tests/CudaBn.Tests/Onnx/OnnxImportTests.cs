using CudaBn.Onnx;
using CudaBn.Onnx.Format;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Onnx;

/// <summary>Files as other writers make them: run by ONNX Runtime, and by the model that is read out of them.</summary>
[Parallelizable(ParallelScope.Self)]
public class OnnxImportTests
{
    private TemporaryFolder _folder = null!;

    private string File => _folder["model.onnx"];

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    private static TestCaseData[] Files() =>
    [
        Case("Gemm, transB 0", [2, 3], file => file
            .Floats("fc.weight", [3, 2], 1, 2, 3, 4, 5, 6).Floats("fc.bias", [2], 7, 8)
            .Node("y = Gemm(x, fc.weight, fc.bias)"),
            "Linear fc"),
        Case("Gemm, transB 1, no bias", [2, 3], file => file
            .Floats("fc.weight", [2, 3], 1, 2, 3, 4, 5, 6).Node("y = Gemm(x, fc.weight)", AttributeProto.Of("transB", 1)),
            "Linear fc"),
        Case("MatMul and Add", [2, 3], file => file
            .Floats("onnx::MatMul_7", [3, 2], 1, 2, 3, 4, 5, 6).Floats("head.fc.bias", [2], 7, 8)
            .Node("a = MatMul(x, onnx::MatMul_7)").Node("y = Add(head.fc.bias, a)"),
            "Sequential head", "Linear fc"),
        Case("MatMul alone", [2, 3], file => file
            .Floats("w", [3, 2], 1, 2, 3, 4, 5, 6).Node("a = MatMul(x, w)").Node("y = Relu(a)"),
            "Linear fc1", "ReLU relu1"),
        Case("Conv, SAME_UPPER", [1, 1, 6, 5], file => Convolution(file, AttributeProto.Of("auto_pad", "SAME_UPPER")), "Conv2d conv1"),
        Case("Conv, SAME_LOWER", [1, 1, 6, 5], file => Convolution(file, AttributeProto.Of("auto_pad", "SAME_LOWER")), "Conv2d conv1"),
        Case("Conv, VALID", [1, 1, 6, 5], file => Convolution(file, AttributeProto.Of("auto_pad", "VALID")), "Conv2d conv1"),
        Case("Conv, pads of their own", [1, 1, 6, 5], file => Convolution(file, AttributeProto.Of("pads", 1, 0, 2, 3)), "Conv2d conv1"),
        Case("MaxPool, SAME_UPPER", [1, 2, 6, 8], file => file.Node(
            "y = MaxPool(x)", AttributeProto.Of("kernel_shape", 3, 3), AttributeProto.Of("strides", 2, 2),
            AttributeProto.Of("auto_pad", "SAME_UPPER")),
            "MaxPool2d pool1"),
        Case("MaxPool, ceil_mode", [1, 2, 6, 8], file => file.Node(
            "y = MaxPool(x)", AttributeProto.Of("kernel_shape", 3, 3), AttributeProto.Of("strides", 2, 2),
            AttributeProto.Of("ceil_mode", 1)),
            "MaxPool2d pool1"),
        Case("AveragePool, padding not counted", [1, 2, 6, 6], file => file.Node(
            "y = AveragePool(x)", AttributeProto.Of("kernel_shape", 3, 3), AttributeProto.Of("pads", 1, 1, 1, 1)),
            "AvgPool2d pool1"),
        Case("ReduceMean and Flatten", [2, 3, 4, 5], file => file
            .Node("m = ReduceMean(x)", AttributeProto.Of("axes", -1, 2), AttributeProto.Of("keepdims", 0))
            .Node("y = Flatten(m)"),
            "GlobalAvgPool pool1", "Flatten flatten1", "Flatten flatten2"),
        Case("ReduceMean, axes as input", 18, [2, 3, 4, 5], file => file
            .Integers("axes", 2, 3).Node("y = ReduceMean(x, axes)"), "GlobalAvgPool pool1"),
        Case("GlobalAveragePool and Squeeze", [2, 3, 4, 5], file => file
            .Integers("axes", 2, 3).Node("m = GlobalAveragePool(x)").Node("y = Squeeze(m, axes)"),
            "GlobalAvgPool pool1", "Flatten flatten1"),
        Case("Reshape by a Constant", [2, 3, 4, 5], file => file
            .Node("shape = Constant()", new AttributeProto
            {
                Name = "value", Type = AttributeType.Tensor, Tensor = OnnxFile.IntegerTensor("", 0, -1),
            })
            .Node("y = Reshape(x, shape)"),
            "Flatten flatten1"),
        Case("Reshape to what it is, and to [-1, 60]", [2, 3, 4, 5], file => file
            .Integers("same", -1, 3, 4, 5).Integers("flat", -1, 60).Node("a = Reshape(x, same)").Node("y = Reshape(a, flat)"),
            "Flatten flatten1"),
        Case("Reshape by Shape and Gather", [2, 3, 4, 5], file => file
            .Node("zero = Constant()", new AttributeProto { Name = "value_int", Type = AttributeType.Int })
            .Integers("axis", 0).Integers("rest", -1)
            .Node("s = Shape(x)").Node("g = Gather(s, zero)").Node("u = Unsqueeze(g, axis)")
            .Node("c = Concat(u, rest)", AttributeProto.Of("axis", 0)).Node("y = Reshape(x, c)"),
            "Flatten flatten1"),
        Case("Reshape by Shape and Gather, opset 9", 9, [2, 3, 4, 5], file => file
            .Node("i = Constant()", new AttributeProto
            {
                Name = "value", Type = AttributeType.Tensor,
                Tensor = new TensorProto { DataType = TensorDataType.Int64, Dims = [], Elements = new byte[8] },
            })
            .Node("rest = Constant()", new AttributeProto
            {
                Name = "value", Type = AttributeType.Tensor, Tensor = OnnxFile.IntegerTensor("", -1),
            })
            .Node("s = Shape(x)").Node("g = Gather(s, i)").Node("u = Unsqueeze(g)", AttributeProto.Of("axes", [0]))
            .Node("c = Concat(u, rest)", AttributeProto.Of("axis", 0)).Node("y = Reshape(x, c)"),
            "Flatten flatten1"),
        Case("Reshape by Shape and Slice", [2, 3, 4, 5], file => file
            .Integers("zero", 0).Integers("first", 1).Integers("rest", -1)
            .Node("a = Relu(x)").Node("s = Shape(a)").Node("n = Slice(s, zero, first, zero)")
            .Node("c = Concat(n, rest)", AttributeProto.Of("axis", 0)).Node("y = Reshape(a, c)"),
            "ReLU relu1", "Flatten flatten1"),
        Case("Reshape by Shape and Slice, opset 9", 9, [2, 3, 4, 5], file => file
            .Integers("rest", -1)
            .Node("s = Shape(x)")
            .Node("n = Slice(s)", AttributeProto.Of("axes", [0]), AttributeProto.Of("starts", [0]), AttributeProto.Of("ends", [1]))
            .Node("i = Cast(n)", AttributeProto.Of("to", 7))
            .Node("c = Concat(i, rest)", AttributeProto.Of("axis", 0)).Node("y = Reshape(x, c)"),
            "Flatten flatten1"),
        Case("Reshape by the N of an earlier value", [2, 1, 4, 5], file => file
            .Floats("w", [3, 1, 2, 2], 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12).Integers("zero", 0).Integers("rest", 36)
            .Node("s = Shape(x)").Node("g = Gather(s, zero)").Node("a = Conv(x, w)")
            .Node("c = Concat(g, rest)", AttributeProto.Of("axis", 0)).Node("y = Reshape(a, c)"),
            "Conv2d conv1", "Flatten flatten1"),
        Case("Reshape to the input's own shape, in parts", [2, 3, 4, 5], file => file
            .Integers("zero", 0).Integers("two", 2).Integers("end", long.MaxValue)
            .Node("r = Relu(x)").Node("s = Shape(r)").Node("a = Slice(s, zero, two)").Node("b = Slice(s, two, end)")
            .Node("c = Concat(a, b)", AttributeProto.Of("axis", 0)).Node("y = Reshape(r, c)"),
            "ReLU relu1"),
        Case("Conv and Add of [1, C, 1, 1]", [2, 2, 4, 4], file => file
            .Floats("stem.conv.weight", [3, 2, 1, 1], 1, 2, 3, 4, 5, 6).Floats("b", [1, 3, 1, 1], 7, -8, 9)
            .Node("a = Conv(x, stem.conv.weight)").Node("y = Add(b, a)"),
            "Sequential stem", "Conv2d conv"),
        Case("Conv and Add of [C, 1], and Relu", [2, 2, 4], file => file
            .Floats("w", [3, 2, 1], 1, 2, 3, 4, 5, 6).Floats("b", [3, 1], 7, -8, 9)
            .Node("a = Conv(x, w)").Node("c = Add(a, b)").Node("y = Relu(c)"),
            "Conv1d conv1", "ReLU relu1"),
        Case("Pad and Conv with pads of its own", [1, 1, 6, 5], file => Convolution(
            file.Integers("p", 0, 0, 1, 0, 0, 0, 2, 3).Floats("zero", [], 0).Node("z = Pad(x, p, zero)"), "z",
            AttributeProto.Of("pads", 0, 2, 1, 0)),
            "Conv2d conv1"),
        Case("Pad of some axes and Conv, SAME_UPPER", 18, [1, 1, 6, 5], file => Convolution(
            file.Integers("p", 2, 1, 0, 3).Integers("axes", -1, 2).Node("z = Pad(x, p, _, axes)"), "z",
            AttributeProto.Of("auto_pad", "SAME_UPPER")),
            "Conv2d conv1"),
        Case("Pad and Conv, opset 9", 9, [1, 1, 6, 5], file => Convolution(
            file.Node("z = Pad(x)", AttributeProto.Of("pads", 0, 0, 1, 2, 0, 0, 3, 0), AttributeProto.Of("mode", "constant")), "z"),
            "Conv2d conv1"),
        Case("Pad of sizes that are computed", [1, 1, 6, 5], file => Convolution(
            file.Integers("given", 1, 2, 0, 3).Integers("four", 4).Integers("pairs", -1, 2).Integers("last", -1)
                .Integers("first", -long.MaxValue).Integers("axis", 0).Integers("flat", -1)
                .Node("zeros = ConstantOfShape(four)", new AttributeProto
                {
                    Name = "value", Type = AttributeType.Tensor, Tensor = OnnxFile.IntegerTensor("", 0),
                })
                .Node("all = Concat(given, zeros)", AttributeProto.Of("axis", 0)).Node("rows = Reshape(all, pairs)")
                .Node("turned = Slice(rows, last, first, axis, last)").Node("ends = Transpose(turned)", AttributeProto.Of("perm", 1, 0))
                .Node("row = Reshape(ends, flat)").Node("p = Cast(row)", AttributeProto.Of("to", 7)).Node("z = Pad(x, p)"), "z"),
            "Conv2d conv1"),
        Case("Pad and AveragePool", [1, 2, 6, 7], file => file
            .Integers("p", 0, 0, 1, 0, 0, 0, 1, 0).Node("z = Pad(x, p)").Node(
                "y = AveragePool(z)", AttributeProto.Of("kernel_shape", 3, 2), AttributeProto.Of("strides", 2, 3)),
            "AvgPool2d pool1"),
        Case("Pad and AveragePool, the last window reaches beyond", [1, 2, 8], file => file
            .Integers("p", 0, 0, 1, 0, 0, 1).Node("z = Pad(x, p)").Node(
                "y = AveragePool(z)", AttributeProto.Of("kernel_shape", [3]), AttributeProto.Of("strides", [4]),
                AttributeProto.Of("pads", 0, 1)),
            "AvgPool1d pool1"),
        Case("Pad and AveragePool, ceil_mode", [1, 2, 8], file => file
            .Integers("p", 0, 0, 1, 0, 0, 1).Node("z = Pad(x, p)").Node(
                "y = AveragePool(z)", AttributeProto.Of("kernel_shape", [3]), AttributeProto.Of("strides", [4]),
                AttributeProto.Of("ceil_mode", 1)),
            "AvgPool1d pool1"),
        Case("Pad and AveragePool, ceil_mode, no window starts behind the zeros", [1, 2, 6], file => file
            .Integers("p", 0, 0, 1, 0, 0, 1).Node("z = Pad(x, p)").Node(
                "y = AveragePool(z)", AttributeProto.Of("kernel_shape", [2]), AttributeProto.Of("strides", [5]),
                AttributeProto.Of("ceil_mode", 1)),
            "AvgPool1d pool1"),
        Case("Pad of nothing", [2, 3, 4], file => file
            .Integers("p", 0, 0, 0, 0, 0, 0).Node("z = Pad(x, p)", AttributeProto.Of("mode", "reflect")).Node("y = Relu(z)"),
            "ReLU relu1"),
        Case("Squeeze twice", [2, 3, 4, 5], file => file
            .Integers("last", -1).Node("m = GlobalAveragePool(x)").Node("s = Squeeze(m, last)").Node("t = Squeeze(s, last)")
            .Node("y = Relu(t)"),
            "GlobalAvgPool pool1", "Flatten flatten1", "ReLU relu1"),
        Case("Reshape there and back", [2, 3, 4], file => file
            .Integers("there", 2, 4, 3).Integers("back", 2, 3, -1).Node("r = Reshape(x, there)").Node("s = Reshape(r, back)")
            .Node("y = Relu(s)"),
            "ReLU relu1"),
        Case("MatMul by weights that are transposed, once and twice", [2, 3], file => file
            .Floats("a.weight", [2, 3], 1, 2, 3, 4, 5, 6).Floats("b.weight", [2, 4], 1, 2, 3, 4, 5, 6, 7, 8)
            .Node("at = Transpose(a.weight)", AttributeProto.Of("perm", 1, 0)).Node("bt = Transpose(b.weight)").Node("b = Transpose(bt)")
            .Node("h = MatMul(x, at)").Node("y = MatMul(h, b)"),
            "Linear fc1", "Linear fc2"),
        Case("Gemm, beta 0", [2, 3], file => file
            .Floats("fc.weight", [2, 3], 1, 2, 3, 4, 5, 6).Floats("c", [1], 7)
            .Node("y = Gemm(x, fc.weight, c)", AttributeProto.Of("transB", 1), AttributeProto.Of("beta", 0f)),
            "Linear fc"),
        Case("SiLU", [2, 3], file => file.Node("s = Sigmoid(x)").Node("y = Mul(s, x)"), "SiLU silu1"),
        Case("Activations", [2, 3], file => file
            .Node("a = LeakyRelu(x)", AttributeProto.Of("alpha", 0.25f)).Node("b = Tanh(a)").Node("c = Identity(b)").Node("y = Sigmoid(c)"),
            "LeakyReLU leakyrelu1", "Tanh tanh1", "Sigmoid sigmoid1"),
        Case("Gelu", 20, [2, 3], file => file.Node("y = Gelu(x)", AttributeProto.Of("approximate", "tanh")), "GELU gelu1"),
        Case("Gelu, exact", 20, [2, 3], file => file.Node("y = Gelu(x)"), "GELU gelu1"),
        Case("GELU, 0.5 last", [2, 3], file => GeluConstants(file)
            .Node("a = Div(x, root)").Node("b = Erf(a)").Node("c = Add(b, one)").Node("d = Mul(x, c)").Node("y = Mul(d, half)"),
            "GELU gelu1"),
        Case("GELU, 0.5 with the erf", [2, 3], file => GeluConstants(file)
            .Node("a = Div(x, root)").Node("b = Erf(a)").Node("c = Add(b, one)").Node("d = Mul(half, c)").Node("y = Mul(x, d)"),
            "GELU gelu1"),
        Case("GELU, 0.5 with x", [2, 3], file => GeluConstants(file)
            .Node("h = Mul(half, x)").Node("a = Mul(x, inverse)").Node("b = Erf(a)").Node("c = Add(one, b)").Node("y = Mul(h, c)"),
            "GELU gelu1"),
        Case("GELU, divided by 2, in a block", [2, 3], file => GeluConstants(file)
            .Node("r = Tanh(x)").Node("a = Div(r, root)").Node("b = Erf(a)").Node("c = Add(b, one)").Node("d = Mul(c, r)")
            .Node("g = Div(d, two)").Node("y = Add(g, x)"),
            "Residual residual1", "Sequential main", "Tanh tanh1", "GELU gelu1"),
        Case("GELU by tanh, the cube a power, in a block", [2, 3], file => GeluConstants(file)
            .Node("r = Relu(x)").Node("p = Pow(r, three)").Node("q = Mul(p, cubed)").Node("a = Add(q, r)").Node("b = Mul(a, slope)")
            .Node("t = Tanh(b)").Node("c = Add(t, one)").Node("h = Mul(r, half)").Node("g = Mul(h, c)").Node("y = Add(g, x)"),
            "Residual residual1", "Sequential main", "ReLU relu1", "GELU gelu1"),
        Case("GELU by tanh, the cube a product, 0.5 with the tanh", [2, 3], file => GeluConstants(file)
            .Node("s = Mul(x, x)").Node("p = Mul(s, x)").Node("q = Mul(cubed, p)").Node("a = Add(x, q)").Node("b = Mul(slope, a)")
            .Node("t = Tanh(b)").Node("c = Add(one, t)").Node("h = Mul(c, half)").Node("y = Mul(h, x)"),
            "GELU gelu1"),
        Case("Dropout, opset 7", 7, [2, 3], file => file.Node("y = Dropout(x)", AttributeProto.Of("ratio", 0.25f)), "Dropout dropout1"),
        Case("BatchNormalization, opset 8", 8, [2, 3, 4], file => Normalization(file, AttributeProto.Of("spatial", 1)), "BatchNorm bn1"),
        Case("Block of torchvision", [2, 2, 4, 4], file => file
            .Floats("layer1.0.conv1.weight", [2, 2, 1, 1], 1, 2, 3, 4).Floats("layer1.0.conv2.weight", [2, 2, 1, 1], 4, 3, 2, 1)
            .Floats("layer1.0.downsample.0.weight", [2, 2, 1, 1], -1, 1, 1, -1).Floats("layer1.1.conv1.weight", [2, 2, 1, 1], 1, 0, 1, 0)
            .Node("a = Conv(x, layer1.0.conv1.weight)").Node("b = Relu(a)").Node("c = Conv(b, layer1.0.conv2.weight)")
            .Node("d = Conv(x, layer1.0.downsample.0.weight)").Node("e = Add(c, d)").Node("f = Relu(e)")
            .Node("g = Conv(f, layer1.1.conv1.weight)").Node("h = Add(f, g)").Node("y = Relu(h)"),
            "Sequential layer1", "Residual 0", "Sequential main", "Conv2d conv1", "ReLU relu1", "Conv2d conv2",
            "Sequential downsample", "Conv2d 0", "ReLU relu1", "Residual 1", "Conv2d conv1", "ReLU relu1"),
        Case("Blocks within blocks", [2, 3], file => file
            .Node("a = Relu(x)").Node("b = Tanh(a)").Node("c = Add(a, b)").Node("d = Sigmoid(c)").Node("e = Add(d, x)").Node("y = Tanh(e)"),
            "Residual residual1", "Sequential main", "ReLU relu1", "Residual residual1", "Tanh main", "Sigmoid sigmoid1", "Tanh tanh1"),
        Case("Branches whose weights have one name", [2, 2], file => file
            .Floats("fc.weight", [2, 2], 1, 2, 3, 4)
            .Node("a = Gemm(x, fc.weight)").Node("b = Gemm(x, fc.weight)").Node("y = Add(a, b)"),
            "Residual residual1", "Sequential main", "Linear fc", "Sequential shortcut", "Linear fc"),
        Case("Weights that two nodes share", [2, 2], file => file
            .Floats("fc.weight", [2, 2], 1, 2, 3, 4).Node("same.weight = Identity(fc.weight)")
            .Node("a = Gemm(x, fc.weight)").Node("b = Gemm(a, fc.weight)").Node("y = Gemm(b, same.weight)"),
            "Linear fc", "Linear fc_2", "Linear same"),
    ];

    [TestCaseSource(nameof(Files))]
    public void Load_GivesTheSameOutputsAsTheRuntime(byte[] file, int[] sizes, string[] layers)
    {
        System.IO.File.WriteAllBytes(File, file);
        using var model = OnnxImport.Load(File);
        var shape = new Shape(sizes);
        var x = RandomVector.Normal(4, (int)shape.ElementCount);
        using var input = Tensor.From<float>(Array.ConvertAll(x, v => (float)v), shape);

        var actual = model.Forward(input).ToDoubles();

        using var runtime = new OnnxRuntimeModel(file);
        var expected = runtime.Run(x, shape, DType.Float32);
        Assert.That(
            Comparison.RelativeError(actual, expected), Is.LessThan(1e-5), () => Comparison.WorstElement(actual, expected));
        Assert.That(
            model.SelfAndInnerLayers().Skip(1).Select(layer => $"{layer.GetType().Name} {layer.Name}"), Is.EqualTo(layers));
    }

    [Test]
    public void Load_BatchNormalization_TakesTheNumbersThatWereWritten()
    {
        Write(Normalization(
            new OnnxFile(sizes: [2, 3, 4]), AttributeProto.Of("epsilon", 1e-3f), AttributeProto.Of("momentum", 0.99f)));
        using var model = OnnxImport.Load(File);
        var layer = (BatchNorm)model.Layers[0];
        Assert.That((layer.Epsilon, layer.Momentum), Is.EqualTo((1e-3, (double?)0.01)));
        Assert.That(layer.RunningVariance!.ToArray<float>(), Is.EqualTo(new[] { 1f, 4, 9 }));
        Assert.That(layer.UnbiasedRunningVariance, Is.True);
    }

    [Test]
    public void Load_Dropout_TakesTheRatio()
    {
        Write(new OnnxFile(sizes: [2, 3]).Floats("p", [], 0.1f).Node("y = Dropout(x, p)"));
        using var model = OnnxImport.Load(File);
        Assert.That(((Dropout)model.Layers[0]).P, Is.EqualTo(0.1));
    }

    [Test]
    public void Load_TypedData_IsTheSameAsRawData()
    {
        // float_data is field 4, packed; int64_data field 7: as some writers have them.
        var file = new OnnxFile(sizes: [2, 3]).Floats("w", [3, 1], 1, 2, 3).Node("y = Gemm(x, w)");
        var raw = file.ToArray();
        var tag = raw.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x4A, 12]);
        raw[tag] = 0x22;
        System.IO.File.WriteAllBytes(File, raw);
        using var model = OnnxImport.Load(File);
        Assert.That(model.Parameters[0].Value.ToArray<float>(), Is.EqualTo(new[] { 1f, 2, 3 }));
    }

    [Test]
    public void Load_OpenSizes_AreAskedFor()
    {
        Write(Convolution(new OnnxFile(sizes: [-1, 1, -1, -1])));
        var fault = Assert.Throws<InvalidDataException>(() => OnnxImport.Load(File))!;
        Assert.That(fault.Message, Does.Contain("[d0, 1, d2, d3]").And.Contain("a given input shape"));
        Assert.That(() => OnnxImport.Load(File, inputShape: [1, 2, 9, 9]), Throws.ArgumentException);
        using var model = OnnxImport.Load(File, inputShape: [1, 1, 9, 9]);
        using var x = Tensor.Zeros([2, 1, 7, 8]);
        Assert.That(model.Forward(x).Shape, Is.EqualTo(new Shape(2, 1, 2, 2)));
    }

    [Test]
    public void Load_ComputedShape_StandsForAnyNumberOfImages()
    {
        var file = new OnnxFile(sizes: [-1, 3, 4, 5])
            .Integers("zero", 0).Integers("rest", -1).Node("s = Shape(x)").Node("g = Gather(s, zero)")
            .Node("c = Concat(g, rest)", AttributeProto.Of("axis", 0)).Node("y = Reshape(x, c)");
        Write(file);
        using var model = OnnxImport.Load(File);
        using var x = Tensor.Zeros([7, 3, 4, 5]);
        Assert.That(model.Forward(x).Shape, Is.EqualTo(new Shape(7, 60)));
    }

    private static TestCaseData[] Refused() =>
    [
        Refusal("operators, all at once", [2, 3], file => file
            .Node("a = Clip(x)").Node("b = Relu(a)").Node("c = Clip(b)").Node("y = Softmax(c)"),
            "operators that are not supported: Clip ('/a', '/c'), Softmax ('/y')"),
        Refusal("operators of shapes on values", [2, 3], file => file
            .Integers("i", 0).Node("s = Shape(x)").Node("a = Gather(x, i)").Node("y = Concat(a, x)", AttributeProto.Of("axis", 0)),
            "operators that are not supported: Gather ('/a'), Concat ('/y')"),
        Refusal("a shape of sizes that change", [2, 3, 4, 4], file => file
            .Integers("one", 1).Integers("rest", -1)
            .Node("s = Shape(x)").Node("g = Gather(s, one)").Node("a = GlobalAveragePool(x)")
            .Node("c = Concat(rest, g)", AttributeProto.Of("axis", 0)).Node("y = Reshape(a, c)"),
            "'/y' (Reshape)", "a shape 'c' out of its input's sizes, N and numbers"),
        Refusal("a shape of an index too large", [2, 3], file => file
            .Integers("i", 5).Node("s = Shape(x)").Node("g = Gather(s, i)").Node("y = Reshape(x, g)"),
            "'/g' (Gather)", "an index of 2 sizes, found 5"),
        Refusal("a shape of more and more sizes", [2, 3], file =>
        {
            file.Node("s0 = Shape(x)");
            for (var i = 1; i < 40; i++)
                file.Node($"s{i} = Concat(s{i - 1}, s{i - 1})", AttributeProto.Of("axis", 0));
            return file.Node("y = Reshape(x, s39)");
        }, "at most 32 nodes"),
        Refusal("an erf alone", [2, 3], file => file.Node("y = Erf(x)"), "'/y' (Erf)", "GELU"),
        Refusal("GELU without its half", [2, 3], file => GeluConstants(file)
            .Node("a = Div(x, root)").Node("b = Erf(a)").Node("c = Add(b, one)").Node("y = Mul(x, c)"),
            "'/y' (Mul)", "a part of it"),
        Refusal("GELU by tanh of another cube", [2, 3], file => GeluConstants(file)
            .Node("s = Mul(x, x)").Node("p = Mul(s, x)").Node("q = Mul(half, p)").Node("a = Add(x, q)").Node("b = Mul(slope, a)")
            .Node("t = Tanh(b)").Node("c = Add(one, t)").Node("h = Mul(c, half)").Node("y = Mul(h, x)"),
            "'/y' (Mul)", "the factors of GELU"),
        Refusal("GELU by tanh of a square", [2, 3], file => GeluConstants(file)
            .Node("p = Pow(x, two)").Node("q = Mul(cubed, p)").Node("a = Add(x, q)").Node("b = Mul(slope, a)")
            .Node("t = Tanh(b)").Node("c = Add(one, t)").Node("h = Mul(c, half)").Node("y = Mul(h, x)"),
            "'/y' (Mul)", "the factors of GELU"),
        Refusal("a square", [2, 3], file => file.Node("y = Mul(x, x)"), "'/y' (Mul)", "a part of it"),
        Refusal("a power", [2, 3], file => file.Floats("three", [], 3).Node("y = Pow(x, three)"), "'/y' (Pow)", "a part of it"),
        Refusal("GELU of another root", [2, 3], file => GeluConstants(file)
            .Node("a = Div(x, two)").Node("b = Erf(a)").Node("c = Add(b, one)").Node("d = Mul(x, c)").Node("y = Mul(d, half)"),
            "'/d' (Mul)", "GELU"),
        Refusal("GELU of two values", [2, 3], file => GeluConstants(file)
            .Node("t = Tanh(x)").Node("a = Div(x, root)").Node("b = Erf(a)").Node("c = Add(b, one)").Node("d = Mul(t, c)")
            .Node("y = Mul(d, half)"),
            "'/d' (Mul)", "GELU"),
        Refusal("a sum that is no bias", [1, 1, 3, 3], file => file
            .Floats("w", [2, 1, 1, 1], 1, 2).Floats("b", [3], 1, 2, 3).Node("a = Conv(x, w)").Node("y = Add(a, b)"),
            "'/y' (Add)", "no constant among its inputs"),
        Refusal("a Pad of what is there", [1, 1, 6, 6], file => Convolution(
            file.Integers("p", 0, 0, 1, 1, 0, 0, 1, 1).Node("z = Pad(x, p)", AttributeProto.Of("mode", "reflect")), "z"),
            "'/z' (Pad)", "mode constant, found 'reflect'"),
        Refusal("a Pad of ones", [1, 1, 6, 6], file => Convolution(
            file.Integers("p", 0, 0, 1, 1, 0, 0, 1, 1).Floats("one", [], 1).Node("z = Pad(x, p, one)"), "z"),
            "'/z' (Pad)", "zeros around its input, found 1"),
        Refusal("a Pad of channels", [1, 1, 6, 6], file => Convolution(
            file.Integers("p", 0, 1, 0, 0, 0, 0, 0, 0).Node("z = Pad(x, p)"), "z"),
            "'/z' (Pad)", "along axes of space", "[0, 1, 0, 0, 0, 0, 0, 0]"),
        Refusal("a Pad that cuts", [1, 1, 6, 6], file => Convolution(
            file.Integers("p", 0, 0, 0, 0, 0, 0, -1, 0).Node("z = Pad(x, p)"), "z"),
            "'/z' (Pad)", "pads of 0 or more"),
        Refusal("a Pad of too few sizes", [1, 1, 6, 6], file => Convolution(file.Integers("p", 0, 0, 1).Node("z = Pad(x, p)"), "z"),
            "'/z' (Pad)", "both ends of 4 axes, found [0, 0, 1]"),
        Refusal("a Pad in front of MaxPool, where zeros may win", [1, 1, 6, 6], file => file
            .Integers("p", 0, 0, 1, 1, 0, 0, 1, 1).Node("z = Pad(x, p)").Node("y = MaxPool(z)", AttributeProto.Of("kernel_shape", 3, 3)),
            "'/z' (Pad)", "a Conv or AveragePool behind it, found MaxPool"),
        Refusal("a Pad at the end", [1, 6], file => file
            .Integers("p", 0, 0, 0, 1).Node("y = Pad(x, p)"), "'/y' (Pad)", "axes of space"),
        Refusal("a Pad of one side in front of AveragePool", [1, 1, 6, 6], file => file
            .Integers("p", 0, 0, 1, 1, 0, 0, 0, 0).Node("z = Pad(x, p)").Node("y = AveragePool(z)", AttributeProto.Of("kernel_shape", 3, 3)),
            "'/y' (AveragePool)", "same sizes at begin and end in front, found [1, 1, 0, 0]"),
        Refusal("a Pad in front of AveragePool with a padding of its own", [1, 1, 6, 6], file => file
            .Integers("p", 0, 0, 1, 1, 0, 0, 1, 1).Node("z = Pad(x, p)").Node(
                "y = AveragePool(z)", AttributeProto.Of("kernel_shape", 3, 3), AttributeProto.Of("pads", 1, 1, 1, 1)),
            "'/y' (AveragePool)", "found pads [1, 1, 1, 1]"),
        Refusal("a Pad in front of AveragePool whose windows no layer has", [1, 1, 4], file => file
            .Integers("p", 0, 0, 1, 0, 0, 1).Node("z = Pad(x, p)").Node(
                "y = AveragePool(z)", AttributeProto.Of("kernel_shape", [2]), AttributeProto.Of("strides", [5]),
                AttributeProto.Of("ceil_mode", 1)),
            "'/y' (AveragePool)", "as many windows as a layer"),
        Refusal("operators on whole numbers that do not fit together", [1, 1, 6, 6], file => Convolution(
            file.Integers("three", 1, 1, 1).Integers("pairs", 2, 2).Node("r = Reshape(three, pairs)").Node("z = Pad(x, r)"), "z"),
            "'/r' (Reshape)", "an input that is computed"),
        Refusal("another domain", [2, 3], file =>
        {
            file.Node("y = Relu(x)");
            file.Graph.Nodes[0].Domain = "com.acme";
            return file;
        }, "com.acme.Relu ('/y')"),
        Refusal("attribute value", [1, 1, 6, 6], file => file.Node(
            "y = MaxPool(x)", AttributeProto.Of("kernel_shape", 2, 2), AttributeProto.Of("dilations", 2, 2)),
            "'/y' (MaxPool)", "dilations", "[2, 2]"),
        Refusal("attribute", [2, 3], file => file.Node("y = Relu(x)", AttributeProto.Of("slope", 2)), "'/y' (Relu)", "'slope'", "found 2"),
        Refusal("training", [2, 3, 4], file => Normalization(file, AttributeProto.Of("training_mode", 1)), "'/y'", "'training_mode'", "found 1"),
        Refusal("a sum that is no block", [2, 3], file => file
            .Node("a = Relu(x)").Node("b = Tanh(a)").Node("c = Add(a, b)").Node("d = Sigmoid(b)").Node("y = Add(c, d)"),
            "'/y' (Add)", "no chain of residual blocks"),
        Refusal("a product of two values", [2, 3], file => file.Node("a = Tanh(x)").Node("y = Mul(a, x)"), "'/y' (Mul)", "sigmoid"),
        Refusal("a value twice", [2, 3], file => file.Node("y = Add(x, x)"), "'/y' (Add)", "one value twice"),
        Refusal("branches of two shapes", [2, 3], file => file
            .Floats("w", [3, 3], new float[9]).Floats("v", [3, 2], new float[6])
            .Node("a = Gemm(x, w)").Node("b = Gemm(x, v)").Node("y = Add(a, b)"),
            "'/y' (Add)", "[2, 3] and [2, 2]"),
        Refusal("two inputs", [2, 3], file =>
        {
            file.Graph.Inputs.Add(ValueInfoProto.Of("z", TensorDataType.Float, []));
            return file.Node("y = Relu(x)");
        }, "one input, found 2: 'x', 'z'"),
        Refusal("no such input", [2, 3], file => file.Node("y = Relu(z)"), "'/y' (Relu)", "'z', which none makes"),
        Refusal("nothing makes the output", [2, 3], file => file.Node("a = Relu(x)"), "the output 'y'"),
        Refusal("an output twice", [2, 3], file => file.Node("y = Relu(x)").Node("y = Tanh(x)"), "'/y' (Tanh)", "'y', which exists"),
        Refusal("a weight of other channels", [1, 2, 6, 6], file => Convolution(file), "'/y' (Conv)", "2 channels"),
        Refusal("a window too large", [1, 1, 2, 2], file => Convolution(file), "'/y' (Conv)", "kernel 4x3 is larger"),
        Refusal("a Reshape of the batch", [2, 3, 4], file => file.Integers("s", 6, 4).Node("y = Reshape(x, s)"), "'/y' (Reshape)", "[6, 4]"),
        Refusal("fewer elements than sizes", [2, 3], file => file.Floats("w", [3, 2], 1, 2, 3).Node("y = Gemm(x, w)"),
            "'/y' (Gemm)", "'w' 6 elements, found 12 bytes"),
        Refusal("external data", [2, 3], file =>
        {
            file.Graph.Initializers.Add(new TensorProto { Name = "w", Dims = [3, 2], DataType = TensorDataType.Float, HasExternalData = true });
            return file.Node("y = Gemm(x, w)");
        }, "'w'", "external data"),
        Refusal("elements of another type", [2, 3], file =>
        {
            file.Graph.Initializers.Add(new TensorProto { Name = "w", Dims = [3, 2], DataType = (TensorDataType)10, Elements = new byte[12] });
            return file.Node("y = Gemm(x, w)");
        }, "'/y' (Gemm)", "found type 10"),
        Refusal("alpha", [2, 3], file => file.Floats("w", [3, 1], 1, 2, 3).Node("y = Gemm(x, w)", AttributeProto.Of("alpha", 2f)), "'/y'", "found 2"),
        Refusal("blocks within blocks without end", [2, 3], file =>
        {
            for (var i = 0; i < 100; i++)
                file.Node($"r{i} = Relu({(i == 0 ? "x" : $"a{i - 1}")})").Node($"{(i == 99 ? "y" : $"a{i}")} = Add(r{i}, x)");
            return file;
        }, "64 residual blocks within each other"),
        Refusal("one small weight that many nodes share", [2, 30], file =>
        {
            file.Floats("w", [30, 30], new float[900]);
            for (var i = 0; i < 1000; i++)
                file.Node($"{(i == 999 ? "y" : $"a{i}")} = Gemm({(i == 0 ? "x" : $"a{i - 1}")}, w)");
            return file;
        }, "16 times the file's"),
        Refusal("an opset to come", 99, [2, 3], file => file.Node("y = Relu(x)"), "opset 7 to 22, found 99"),
        Refusal("no layer", [2, 3], file => file.Node("y = Identity(x)"), "at least one node that is a layer"),
    ];

    [TestCaseSource(nameof(Refused))]
    public void Load_WhatNoModelIs_IsNamed(byte[] file, string[] parts)
    {
        System.IO.File.WriteAllBytes(File, file);
        var fault = Assert.Throws<InvalidDataException>(() => OnnxImport.Load(File))!;
        Assert.That(fault.Message, Does.Match(@": byte \d+: ").And.StartWith(File).And.Not.Contains("\n"));
        foreach (var part in parts)
            Assert.That(fault.Message, Does.Contain(part));
    }

    [Test]
    public void Load_NoFile_Throws() =>
        Assert.That(() => OnnxImport.Load(_folder["missing.onnx"]), Throws.InstanceOf<FileNotFoundException>());

    [TestCase("", "a graph")]
    [TestCase("0A", "byte 0")]
    [TestCase("3A 05 0A 03", "byte 0")]
    [TestCase("3A 02 0A FF", "byte 2")]
    [TestCase("3A 02 0A 00", "byte 4: expected a node with an operator")]
    [TestCase("38 01", "byte 0: expected a message or bytes, found wire type Varint")]
    [TestCase("00 00", "byte 0")]
    [TestCase("0B 0B 0B 0B", "byte 0")]
    public void Load_BrokenBytes_NamesTheOffset(string hex, string expected)
    {
        System.IO.File.WriteAllBytes(File, Convert.FromHexString(hex.Replace(" ", "")));
        var fault = Assert.Throws<InvalidDataException>(() => OnnxImport.Load(File))!;
        Assert.That(fault.Message, Does.StartWith(File).And.Contain(expected).And.Not.Contains("\n"));
    }

    private static OnnxFile GeluConstants(OnnxFile file) => file
        .Floats("root", [], 1.4142135f).Floats("inverse", [], 0.70710677f).Floats("one", [], 1).Floats("half", [], 0.5f)
        .Floats("two", [1], 2).Floats("three", [], 3).Floats("cubed", [], 0.044715f).Floats("slope", [], 0.7978846f);

    private static OnnxFile Convolution(OnnxFile file, params AttributeProto[] attributes) =>
        Convolution(file, "x", attributes);

    private static OnnxFile Convolution(OnnxFile file, string input, params AttributeProto[] attributes) => file
        .Floats("w", [1, 1, 4, 3], 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
        .Node($"y = Conv({input}, w)", [AttributeProto.Of("strides", 2, 3), .. attributes]);

    private static OnnxFile Normalization(OnnxFile file, params AttributeProto[] attributes) => file
        .Floats("bn1.weight", [3], 1, 2, 3).Floats("bn1.bias", [3], 3, 2, 1).Floats("bn1.running_mean", [3], 0, 1, -1)
        .Floats("bn1.running_var", [3], 1, 4, 9)
        .Node("y = BatchNormalization(x, bn1.weight, bn1.bias, bn1.running_mean, bn1.running_var)", attributes);

    private static TestCaseData Case(string name, int[] sizes, Func<OnnxFile, OnnxFile> make, params string[] layers) =>
        Case(name, 17, sizes, make, layers);

    private static TestCaseData Case(
        string name, int operatorSet, int[] sizes, Func<OnnxFile, OnnxFile> make, params string[] layers) =>
        new TestCaseData(make(new OnnxFile(operatorSet, sizes: sizes)).ToArray(), sizes, layers).SetArgDisplayNames(name);

    private static TestCaseData Refusal(string name, int[] sizes, Func<OnnxFile, OnnxFile> make, params string[] parts) =>
        Refusal(name, 17, sizes, make, parts);

    private static TestCaseData Refusal(
        string name, int operatorSet, int[] sizes, Func<OnnxFile, OnnxFile> make, params string[] parts) =>
        new TestCaseData(make(new OnnxFile(operatorSet, sizes: sizes)).ToArray(), parts).SetArgDisplayNames(name);

    private void Write(OnnxFile file) => System.IO.File.WriteAllBytes(File, file.ToArray());
}
