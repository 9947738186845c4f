using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests.Core;

/// <summary>What layers refuse: every refusal names the layer and the value, and leaves the layer as it was.</summary>
[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class LayerInputTests(Device device)
{
    [TestCase(new[] { 2, 3 })]
    [TestCase(new[] { 2, 3, 8 })]
    [TestCase(new[] { 2, 4, 8, 8 })]
    [TestCase(new[] { 3, 2, 8, 8 })]
    [TestCase(new[] { 2, 3, 8, 8, 1 })]
    public void Conv2d_OtherShape_NamesIt(int[] shape) =>
        Refuses(new Conv2d(3, 4, 3), [2, 3, 8, 8], shape, "Conv2d 'it'", "[N, 3, H, W]", $"{new Shape(shape)}");

    [TestCase(new[] { 2, 3, 2, 8 }, "4x10")]
    [TestCase(new[] { 2, 3, 8, 1 }, "10x3")]
    public void Conv2d_KernelLargerThanThePaddedInput_NamesBoth(int[] shape, string padded) => Refuses(
        new Conv2d(3, 4, (5, 4), padding: 1), [2, 3, 3, 2], shape, "Conv2d 'it'", "kernel 5x4", padded,
        $"{new Shape(shape)}");

    [Test]
    public void Conv2d_DilatedKernelLargerThanThePaddedInput_NamesWhatItSpans() => Refuses(
        new Conv2d(3, 4, (3, 2), padding: new Padding2d(1, 0, 0, 2), dilation: (4, 3)), [2, 3, 8, 2], [2, 3, 7, 2],
        "Conv2d 'it'", "kernel 3x2, 9x4 with dilation 4x3,", "8x4", "[2, 3, 7, 2]");

    [Test]
    public void Conv2d_PaddedInputBeyondInt_NamesIt() => Refuses(
        new Conv2d(1, 1, 1, stride: int.MaxValue, padding: new Padding2d(0, int.MaxValue - 1, 0, 0)), [1, 1, 1, 2],
        [1, 1, 2, 2], "Conv2d 'it'", "2147483648x2", "[1, 1, 2, 2]");

    [TestCase(new[] { 2, 3 })]
    [TestCase(new[] { 2, 2, 8 })]
    [TestCase(new[] { 2, 3, 8, 8 })]
    public void Conv1d_OtherShape_NamesIt(int[] shape) =>
        Refuses(new Conv1d(3, 4, 3), [2, 3, 8], shape, "Conv1d 'it'", "[N, 3, L]", $"{new Shape(shape)}");

    [Test]
    public void Conv1d_KernelLargerThanThePaddedInput_NamesBoth() => Refuses(
        new Conv1d(3, 4, 5, padding: (0, 1)), [2, 3, 4], [2, 3, 3], "Conv1d 'it'", "kernel 5 ", "input 4 of", "[2, 3, 3]");

    [TestCase(new[] { 2, 3, 8, 8 })]
    [TestCase(new[] { 2, 4, 8, 8, 8 })]
    public void Conv3d_OtherShape_NamesIt(int[] shape) => Refuses(
        new Conv3d(3, 4, 3), [2, 3, 4, 4, 4], shape, "Conv3d 'it'", "[N, 3, D, H, W]", $"{new Shape(shape)}");

    [TestCase(new[] { 2, 3, 1, 8, 8 }, "2x8x8")]
    [TestCase(new[] { 2, 3, 3, 8, 1 }, "4x8x1")]
    public void Conv3d_KernelLargerThanThePaddedInput_NamesBoth(int[] shape, string padded) => Refuses(
        new Conv3d(3, 4, (3, 1, 2), padding: new Padding3d(1, 0, 0, 0, 0, 0)), [2, 3, 2, 1, 2], shape, "Conv3d 'it'",
        "kernel 3x1x2", padded, $"{new Shape(shape)}");

    [TestCase(new[] { 2, 3 })]
    [TestCase(new[] { 2, 8, 8 })]
    [TestCase(new[] { 2, 3, 8, 8, 1 })]
    public void MaxPool2d_OtherRank_NamesIt(int[] shape) =>
        Refuses(new MaxPool2d(2), [2, 3, 8, 8], shape, "MaxPool2d 'it'", "[N, C, H, W]", $"{new Shape(shape)}");

    [TestCase(new[] { 2, 3, 1, 8 }, "3x10")]
    [TestCase(new[] { 2, 3, 8, 2 }, "10x4")]
    public void MaxPool2d_WindowLargerThanThePaddedInput_NamesBoth(int[] shape, string padded) => Refuses(
        new MaxPool2d((4, 5), padding: 1), [2, 3, 2, 3], shape, "MaxPool2d 'it'", "window 4x5", padded,
        $"{new Shape(shape)}");

    [Test]
    public void Pooling_OtherRank_NamesTheRightOne()
    {
        (Layer Layer, int[] Good, string Expected)[] layers =
        [
            (new MaxPool1d(2), [2, 3, 8], "[N, C, L]"),
            (new MaxPool3d(2), [2, 3, 8, 8, 8], "[N, C, D, H, W]"),
            (new AvgPool1d(2), [2, 3, 8], "[N, C, L]"),
            (new AvgPool2d(2), [2, 3, 8, 8], "[N, C, H, W]"),
            (new AvgPool3d(2), [2, 3, 8, 8, 8], "[N, C, D, H, W]"),
            (new AdaptiveAvgPool1d(2), [2, 3, 8], "[N, C, L]"),
            (new AdaptiveAvgPool2d(2), [2, 3, 8, 8], "[N, C, H, W]"),
            (new AdaptiveAvgPool3d(2), [2, 3, 8, 8, 8], "[N, C, D, H, W]"),
            (new GlobalAvgPool(), [2, 3, 8], "[N, C, ...spatial]"),
        ];
        foreach (var (layer, good, expected) in layers)
        {
            var bad = good[..^1];
            Refuses(layer, new Shape(good), bad, $"{layer.GetType().Name} 'it'", expected, $"{new Shape(bad)}");
        }
    }

    [Test]
    public void Pooling_WindowThatDoesNotFit_NamesBothSizes()
    {
        Refuses(
            new MaxPool3d(3, padding: (0, 1, 0)), [2, 3, 3, 3, 3], [2, 3, 3, 1, 2], "MaxPool3d 'it'", "window 3x3x3",
            "padded input 3x3x2 of [2, 3, 3, 1, 2].");
        Refuses(new AvgPool1d(5, padding: 1), [2, 3, 3], [2, 3, 2], "AvgPool1d 'it'", "window 5", "padded input 4 of");
        // With ceil mode a window may be larger, but by less than its step.
        Refuses(
            new AvgPool2d(5, stride: 2, ceilMode: true), [2, 3, 4, 4], [2, 3, 4, 3], "AvgPool2d 'it'", "window 5x5",
            "padded input 4x3 of [2, 3, 4, 3]", "the stride 2x2 or more");
    }

    [Test]
    public void Pooling_PaddedInputBeyond31Bits_IsRefused() => Refuses(
        new MaxPool1d(int.MaxValue, padding: int.MaxValue / 2), [1, 1, 1], [1, 1, 2], "MaxPool1d 'it'",
        "padded input 2147483648 of [1, 1, 2]", "must not exceed 2147483647");

    [TestCase(new[] { 6 })]
    [TestCase(new[] { 6, 2 })]
    [TestCase(new[] { 2, 7 })]
    [TestCase(new[] { 2, 6, 1 })]
    public void Linear_OtherShape_NamesIt(int[] shape) =>
        Refuses(new Linear(6, 4), [2, 6], shape, "Linear 'it'", "[N, 6]", $"{new Shape(shape)}");

    [TestCase(new[] { 3 })]
    [TestCase(new[] { 3, 2 })]
    [TestCase(new[] { 2, 4, 5 })]
    public void BatchNorm_OtherShape_NamesIt(int[] shape) =>
        Refuses(new BatchNorm(3), [4, 3], shape, "BatchNorm 'it'", "[N, 3, ...]", $"{new Shape(shape)}");

    [TestCase(new[] { 3 })]
    [TestCase(new[] { 3, 2 })]
    [TestCase(new[] { 2, 3, 5 })]
    public void BatchNorm_ChannelsLast_OtherShape_NamesIt(int[] shape) => Refuses(
        new BatchNorm(3, channelsLast: true), [4, 3], shape, "BatchNorm 'it'", "[N, ..., 3]", $"{new Shape(shape)}");

    [TestCase(new[] { 1, 3 })]
    [TestCase(new[] { 1, 3, 1 })]
    [TestCase(new[] { 1, 3, 1, 1 })]
    public void BatchNorm_OneValuePerChannelInTraining_NamesTheShape(int[] shape) => Refuses(
        new BatchNorm(3), [2, 3], shape, "BatchNorm 'it'", "more than one value per channel", $"{new Shape(shape)}");

    [Test]
    public void BatchNorm_OneValuePerChannel_IsEnoughWithGivenStatistics()
    {
        using var x = Tensor.From([5f, -3], [1, 2], device);
        using var evaluated = new BatchNorm(2) { IsTraining = false };
        using var frozen = new BatchNorm(2) { FreezeStatistics = true };
        foreach (var layer in new[] { evaluated, frozen })
        {
            layer.Initialize(device);
            Assert.That(layer.Forward(x).ToArray<float>(), Is.EqualTo(new[] { 5f, -3 }).Within(1e-4));
        }
    }

    [Test]
    public void BatchNorm_RefusedBatch_LeavesTheLastForwardPass()
    {
        using var layer = new BatchNorm(2) { IsTraining = false };
        layer.Initialize(device, DType.Float64);
        layer.RunningVariance!.CopyFrom<double>([4, 0.25]);
        using var x = Tensor.From([1.0, 2, 3, 4, 5, 6], [3, 2], device);
        using var gradOutput = Tensor.From([1.0, 1, 2, 2, 3, 3], [3, 2], device);
        using var single = Tensor.Zeros([1, 2], DType.Float64, device);
        layer.Forward(x);
        var before = layer.Backward(gradOutput).ToArray<double>();
        layer.IsTraining = true;
        Assert.That(() => layer.Forward(single), Throws.ArgumentException);
        Assert.That(layer.Backward(gradOutput).ToArray<double>(), Is.EqualTo(before));
    }

    [Test]
    public void Flatten_OneAxis_NamesIt() => Refuses(new Flatten(), [2, 3, 4], [6], "Flatten 'it'", "[6]");

    [TestCase(DType.Float64)]
    [TestCase(DType.Int32)]
    [TestCase(DType.UInt8)]
    public void Forward_OtherElementType_NamesIt(DType dtype)
    {
        foreach (var (layer, shape) in OneOfEach())
        {
            using (layer)
            {
                using var bad = Tensor.Zeros(shape, dtype, device);
                Refuses(layer, shape, bad, $"{layer.GetType().Name} 'it'", "Float32", bad.ToString());
            }
        }
    }

    [Test]
    public void Forward_OtherDevice_Throws()
    {
        using var other = new CpuBackend(threads: 1);
        foreach (var (layer, shape) in OneOfEach())
        {
            using (layer)
            {
                using var bad = Tensor.Zeros(shape, DType.Float32, other.Device);
                Refuses(layer, shape, bad, $"{layer.GetType().Name} 'it'");
            }
        }
    }

    [Test]
    public void Backward_OtherGradient_NamesItAndTheOutput()
    {
        foreach (var (layer, shape) in OneOfEach())
        {
            using (layer)
            {
                layer.Name = "it";
                layer.Initialize(device);
                using var x = Tensor.Zeros(shape, DType.Float32, device);
                var output = layer.Forward(x);
                using var good = Tensor.Zeros(output.Shape, DType.Float32, device);
                using var otherShape = Tensor.Zeros([.. output.Shape, 2], DType.Float32, device);
                using var otherType = Tensor.Zeros(output.Shape, DType.Float64, device);
                string[] parts = [$"{layer.GetType().Name} 'it'", output.ToString()];
                ErrorAssert.Throws<ArgumentException>(
                    () => layer.Backward(otherShape), [.. parts, otherShape.ToString()]);
                ErrorAssert.Throws<ArgumentException>(
                    () => layer.BackwardParameters(otherType), [.. parts, otherType.ToString()]);
                Assert.That(() => layer.Backward(null!), Throws.ArgumentNullException);
                Assert.That(layer.Backward(good).Shape, Is.EqualTo(shape));
            }
        }
    }

    [Test]
    public void Normalize_ArgumentsThatDoNotFit_AreNamed()
    {
        using var x = Tensor.Zeros([4, 3, 2], DType.Float32, device);
        using var perChannel = Tensor.Zeros([3], DType.Float32, device);
        using var tooLong = Tensor.Zeros([4], DType.Float32, device);
        using var otherType = Tensor.Zeros([3], DType.Float64, device);
        using var integers = Tensor.Zeros([4, 3], DType.Int32, device);
        using var vector = Tensor.Zeros([4], DType.Float32, device);
        using var single = Tensor.Zeros([1, 3, 1], DType.Float32, device);
        ErrorAssert.Throws<ArgumentException>(() => BatchNorm.Normalize(integers), "Normalize", "Int32 tensor [4, 3]");
        ErrorAssert.Throws<ArgumentException>(() => BatchNorm.Normalize(vector), "Normalize", "[4]");
        ErrorAssert.Throws<ArgumentException>(() => BatchNorm.Normalize(single), "Normalize", "[1, 3, 1]");
        ErrorAssert.Throws<ArgumentException>(
            () => BatchNorm.Normalize(x, gamma: tooLong), "gamma", "[3]", "Float32 tensor [4]");
        ErrorAssert.Throws<ArgumentException>(
            () => BatchNorm.Normalize(x, perChannel, otherType), "beta", "Float64 tensor [3]");
        ErrorAssert.Throws<ArgumentException>(
            () => BatchNorm.Normalize(x, gamma: perChannel, channelsLast: true), "gamma", "[2]", "Float32 tensor [3]");
        ErrorAssert.Throws<ArgumentException>(
            () => BatchNorm.Normalize(vector, channelsLast: true), "Normalize", "[N, ..., C]", "[4]");
        Assert.That(() => BatchNorm.Normalize(null!), Throws.ArgumentNullException);
        using var y = BatchNorm.Normalize(x, perChannel, perChannel);
        Assert.That(y.Shape, Is.EqualTo(x.Shape));
    }

    private static IEnumerable<(Layer Layer, Shape Shape)> OneOfEach() =>
    [
        (new Conv1d(3, 4, 3), [2, 3, 8]),
        (new Conv2d(3, 4, 3), [2, 3, 8, 8]),
        (new Conv3d(3, 4, 3), [2, 3, 4, 4, 4]),
        (new MaxPool2d(2), [2, 3, 8, 8]),
        (new AvgPool1d(2), [2, 3, 8]),
        (new AdaptiveAvgPool2d(3), [2, 3, 8, 8]),
        (new GlobalAvgPool(), [2, 3, 8, 8]),
        (new BatchNorm(3), [2, 3, 8]),
        (new ReLU(), [2, 3]),
        (new LeakyReLU(), [2, 3]),
        (new GELU(), [2, 3]),
        (new SiLU(), [2, 3]),
        (new Sigmoid(), [2, 3]),
        (new Tanh(), [2, 3]),
        (new Dropout { IsTraining = false }, [2, 3]),
        (new Flatten(), [2, 3, 4]),
        (new Linear(6, 4), [2, 6]),
        (new Sequential(new Linear(6, 4), new ReLU()), [2, 6]),
        (new Residual(new Linear(6, 4), new Linear(6, 4)), [2, 6]),
    ];

    private void Refuses(Layer layer, Shape goodShape, int[] badShape, params string[] parts)
    {
        using (layer)
        {
            using var bad = Tensor.Zeros(new Shape(badShape), DType.Float32, device);
            Refuses(layer, goodShape, bad, parts);
        }
    }

    /// <summary>The refusal comes before and after a good forward pass, and changes no later output.</summary>
    private void Refuses(Layer layer, Shape goodShape, Tensor bad, params string[] parts)
    {
        layer.Name = "it";
        layer.Initialize(device);
        using var good = new Tensor(goodShape, DType.Float32, device);
        Initializer.Normal().Fill(good, new Fan(1, 1), seed: 1, stream: 0);
        ErrorAssert.Throws<ArgumentException>(() => layer.Forward(bad), parts);
        var output = layer.Forward(good);
        var values = output.ToArray<float>();
        ErrorAssert.Throws<ArgumentException>(() => layer.Forward(bad), parts);
        Assert.That(output.ToArray<float>(), Is.EqualTo(values), "a refused input changed the last output");
        Assert.That(layer.Forward(good).ToArray<float>(), Is.EqualTo(values));
        Assert.That(layer.Backward(output).Shape, Is.EqualTo(good.Shape));
    }
}
