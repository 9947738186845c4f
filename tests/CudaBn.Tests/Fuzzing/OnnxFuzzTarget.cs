using CudaBn.Onnx;
using CudaBn.Onnx.Format;
using CudaBn.Tests.Onnx;

namespace CudaBn.Tests.Fuzzing;

/// <summary>ONNX files: one of this library with most of its operators, and some as others write them.</summary>
internal sealed class OnnxFuzzTarget : FuzzTarget
{
    public override IReadOnlyList<FuzzSeed> Seeds() =>
        [new(Exported()), new(WithMatrices()), new(WithComputedShape()), new(WithPads())];

    public override void Read(string path)
    {
        using var model = OnnxImport.Load(path);
    }

    // A node of a dozen bytes becomes a layer.
    public override long AllocationLimit(long fileLength) => (64 * fileLength) + (1 << 20);

    private static byte[] Exported()
    {
        using var model = new Sequential(
            new Conv2d(2, 4, 3, padding: new Padding2d(1, 0, 1, 2), groups: 2), new BatchNorm(4, momentum: null),
            new Residual(
                new Sequential(new Conv2d(4, 4, 1), new BatchNorm(4), new SiLU()), new Conv2d(4, 4, 1, bias: false)),
            new MaxPool2d(3, 2, 1, ceilMode: true), new AvgPool2d(2, ceilMode: true), new AdaptiveAvgPool2d(2, 3),
            new BatchNorm(3, channelsLast: true), new Dropout(0.2), new Flatten(), new Linear(24, 5), new GELU(),
            new LeakyReLU(0.2));
        model.Initialize(Device.Cpu);
        var (exported, _) = OnnxExport.Describe(model, [1, 2, 16, 18], new OnnxExportOptions());
        return MessageWriter.ToArray(exported);
    }

    private static byte[] WithMatrices() => new OnnxFile(sizes: [-1, 3, 4, 5])
        .Integers("flat", 0, -1).Floats("w", [60, 4], new float[240]).Floats("b", [4], new float[4])
        .Node("r = Reshape(x, flat)").Node("m = MatMul(r, w)").Node("a = Add(m, b)").Node("t = Tanh(a)").Node("y = Add(t, a)")
        .ToArray();

    private static byte[] WithComputedShape() => new OnnxFile(sizes: [-1, 2, 3, 4])
        .Floats("w", [3, 2, 1, 1], new float[6]).Floats("b", [3, 1, 1], new float[3]).Floats("root", [], 1.4142135f)
        .Floats("one", [], 1).Floats("half", [], 0.5f).Integers("zero", 0).Integers("rest", -1).Integers("end", 1)
        .Node("c = Conv(x, w)").Node("a = Add(c, b)")
        .Node("d = Div(a, root)").Node("e = Erf(d)").Node("s = Add(e, one)").Node("m = Mul(a, s)").Node("g = Mul(m, half)")
        .Node("z = Shape(g)").Node("n = Slice(z, zero, end)").Node("k = Gather(n, zero)").Node("q = Squeeze(k, zero)")
        .Node("u = Unsqueeze(q, zero)").Node("t = Cast(u)", AttributeProto.Of("to", 7))
        .Node("f = Concat(t, rest)", AttributeProto.Of("axis", 0)).Node("y = Reshape(g, f)")
        .ToArray();

    private static byte[] WithPads() => new OnnxFile(sizes: [-1, 2, 5, 6])
        .Floats("w", [1, 2, 3, 2], new float[12]).Floats("v", [4, 3], new float[12]).Floats("zero", [], 0).Floats("one", [], 1)
        .Floats("half", [], 0.5f).Floats("three", [], 3).Floats("cubed", [], 0.044715f).Floats("slope", [], 0.7978846f)
        .Integers("given", 1, 2, 0, 1).Integers("four", 4).Integers("pairs", -1, 2).Integers("last", -1)
        .Integers("first", -long.MaxValue).Integers("axis", 0).Integers("p", 0, 0, 1, 0, 0, 0, 1, 0)
        .Node("n = ConstantOfShape(four)", new AttributeProto
        {
            Name = "value", Type = AttributeType.Tensor, Tensor = OnnxFile.IntegerTensor("", 0),
        })
        .Node("c = Concat(given, n)", AttributeProto.Of("axis", 0)).Node("r = Reshape(c, pairs)")
        .Node("s = Slice(r, last, first, axis, last)").Node("e = Transpose(s)", AttributeProto.Of("perm", 1, 0))
        .Node("f = Reshape(e, last)").Node("q = Cast(f)", AttributeProto.Of("to", 7))
        .Node("z = Pad(x, q, zero)").Node("a = Conv(z, w)").Node("b = Pad(a, p)")
        .Node("m = AveragePool(b)", AttributeProto.Of("kernel_shape", 2, 3), AttributeProto.Of("strides", 3, 4))
        .Node("g = Pow(m, three)").Node("h = Mul(g, cubed)").Node("i = Add(m, h)").Node("j = Mul(i, slope)").Node("k = Tanh(j)")
        .Node("l = Add(k, one)").Node("o = Mul(m, l)").Node("t = Mul(o, half)")
        .Node("u = GlobalAveragePool(t)").Node("d = Squeeze(u, last)").Node("aa = Squeeze(d, last)").Node("vt = Transpose(v)")
        .Floats("ww", [3, 1], 1, 2, 3).Node("ab = Gemm(aa, ww)", AttributeProto.Of("transB", 1)).Node("y = MatMul(ab, vt)")
        .ToArray();
}
