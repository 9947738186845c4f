using NUnit.Framework;

namespace CudaBn.Tests.Core;

public class LayerConstructorTests
{
    [TestCase(0, 4, "0 in and 4 out")]
    [TestCase(-3, 4, "-3 in and 4 out")]
    [TestCase(3, 0, "3 in and 0 out")]
    [TestCase(3, int.MinValue, "3 in and -2147483648 out")]
    public void Conv2d_ChannelsNotPositive_NamesThem(int inChannels, int outChannels, string part) =>
        ErrorAssert.Throws<ArgumentException>(() => _ = new Conv2d(inChannels, outChannels, 3), "Conv2d", part);

    [TestCase(0, 3)]
    [TestCase(3, 0)]
    [TestCase(-1, 3)]
    [TestCase(3, -2)]
    public void Conv2d_KernelOrStrideNotPositive_NamesIt(int height, int width)
    {
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Conv2d(1, 1, (height, width)), "Conv2d", $"kernel {height}x{width}");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Conv2d(1, 1, 3, stride: (height, width)), "Conv2d", $"stride {height}x{width}");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Conv2d(1, 1, 3, dilation: (height, width)), "Conv2d", $"dilation {height}x{width}");
    }

    [TestCase(0)]
    [TestCase(-2)]
    public void Conv2d_GroupsNotPositive_NamesThem(int groups) => ErrorAssert.Throws<ArgumentException>(
        () => _ = new Conv2d(4, 4, 3, groups: groups), "Conv2d", $"not {groups}");

    [TestCase(4, 6, 4)]
    [TestCase(3, 6, 2)]
    [TestCase(4, 4, 8)]
    public void Conv2d_ChannelsThatGroupsDoNotDivide_NamesThem(int inChannels, int outChannels, int groups) =>
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Conv2d(inChannels, outChannels, 3, groups: groups), "Conv2d", $"{inChannels} channels in",
            $"{outChannels} out", $"{groups} equal groups");

    [Test]
    public void Conv2d_NegativePaddingOfOneSide_NamesBoth() => ErrorAssert.Throws<ArgumentException>(
        () => _ = new Conv2d(1, 1, 3, padding: new Padding2d(0, 0, 1, -2)), "Conv2d", "padding 0x1+-2");

    [Test]
    public void Conv1dAndConv3d_SizesOutsideTheirRange_NameThem()
    {
        ErrorAssert.Throws<ArgumentException>(() => _ = new Conv1d(0, 1, 3), "Conv1d", "0 in");
        ErrorAssert.Throws<ArgumentException>(() => _ = new Conv1d(1, 1, 0), "Conv1d", "kernel 0 ");
        ErrorAssert.Throws<ArgumentException>(() => _ = new Conv1d(1, 1, 3, stride: -1), "Conv1d", "stride -1 ");
        ErrorAssert.Throws<ArgumentException>(() => _ = new Conv1d(1, 1, 3, dilation: 0), "Conv1d", "dilation 0 ");
        ErrorAssert.Throws<ArgumentException>(() => _ = new Conv1d(1, 1, 3, padding: (2, -1)), "Conv1d", "padding 2+-1");
        ErrorAssert.Throws<ArgumentException>(() => _ = new Conv1d(3, 3, 3, groups: 2), "Conv1d", "2 equal groups");
        ErrorAssert.Throws<ArgumentException>(() => _ = new Conv3d(1, 1, (3, 0, 2)), "Conv3d", "kernel 3x0x2");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Conv3d(1, 1, 3, padding: new Padding3d(0, -1, 0, 0, 0, 0)), "Conv3d", "padding 0+-1x0x0");
    }

    [TestCase(-1, 0)]
    [TestCase(0, -5)]
    public void Conv2d_NegativePadding_NamesIt(int height, int width) =>
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Conv2d(1, 1, 3, padding: (height, width)), "Conv2d", $"padding {height}x{width}");

    [TestCase(0, 3)]
    [TestCase(3, -2)]
    public void MaxPool2d_WindowOrStrideNotPositive_NamesIt(int height, int width)
    {
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new MaxPool2d((height, width)), "MaxPool2d", $"window {height}x{width}");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new MaxPool2d(3, stride: (height, width)), "MaxPool2d", $"stride {height}x{width}");
    }

    [Test]
    public void MaxPool2d_PaddingOutsideItsRange_NamesIt()
    {
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new MaxPool2d(3, padding: (0, -1)), "MaxPool2d", "padding 0x-1");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new MaxPool2d((4, 3), padding: (2, 2)), "MaxPool2d", "padding 2x2", "window 4x3");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new MaxPool2d(2, padding: int.MaxValue), "padding 2147483647x2147483647");
        Assert.That(new MaxPool2d((4, 3), padding: (2, 1)).Padding, Is.EqualTo(new Size2d(2, 1)));
    }

    [Test]
    public void Pooling_SizesOutsideTheirRanges_AreNamedWithTheLayer()
    {
        (Func<Layer> Create, string Layer, string Part)[] cases =
        [
            (() => new MaxPool1d(0), "MaxPool1d", "window 0 must"),
            (() => new MaxPool1d(3, stride: -1), "MaxPool1d", "stride -1 must"),
            (() => new MaxPool1d(3, padding: 2), "MaxPool1d", "padding 2 is more than half the window 3"),
            (() => new MaxPool3d((2, 0, 3)), "MaxPool3d", "window 2x0x3 must"),
            (() => new MaxPool3d(3, padding: (0, 0, 2)), "MaxPool3d", "padding 0x0x2 is more than half"),
            (() => new AvgPool1d(-2), "AvgPool1d", "window -2 must"),
            (() => new AvgPool2d(2, stride: (1, 0)), "AvgPool2d", "stride 1x0 must"),
            (() => new AvgPool2d(2, padding: (2, 1)), "AvgPool2d", "padding 2x1 is more than half the window 2x2"),
            (() => new AvgPool3d(2, padding: (-1, 0, 0)), "AvgPool3d", "padding -1x0x0 must not be negative"),
            (() => new AvgPool2d(2, divisorOverride: 0), "AvgPool2d", "divisorOverride 0 must be positive"),
            (() => new AvgPool1d(2, divisorOverride: -3), "AvgPool1d", "divisorOverride -3 must be positive"),
            (() => new AdaptiveAvgPool1d(0), "AdaptiveAvgPool1d", "output size 0 must be positive"),
            (() => new AdaptiveAvgPool2d(null, -7), "AdaptiveAvgPool2d", "output size -7 must be positive"),
            (() => new AdaptiveAvgPool3d((1, 0, 1)), "AdaptiveAvgPool3d", "output size 0 must be positive"),
        ];
        foreach (var (create, layer, part) in cases)
            ErrorAssert.Throws<ArgumentException>(() => create(), layer, part);
    }

    [TestCase(0, 1)]
    [TestCase(1, -4)]
    public void Linear_FeaturesNotPositive_NamesThem(int inFeatures, int outFeatures) =>
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Linear(inFeatures, outFeatures), "Linear", $"{inFeatures} in and {outFeatures} out");

    [TestCase(0)]
    [TestCase(-2)]
    public void BatchNorm_ChannelsNotPositive_NamesThem(int channels) =>
        ErrorAssert.Throws<ArgumentException>(() => _ = new BatchNorm(channels), "BatchNorm", $"not {channels}");

    [TestCase(0)]
    [TestCase(-1e-5)]
    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void BatchNorm_EpsilonOutsideItsRange_NamesIt(double epsilon)
    {
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new BatchNorm(3, epsilon), "BatchNorm", $"epsilon {epsilon} ");
        using var x = Tensor.Zeros([4, 3]);
        ErrorAssert.Throws<ArgumentException>(
            () => BatchNorm.Normalize(x, epsilon: epsilon), "BatchNorm", $"epsilon {epsilon} ");
    }

    [TestCase(-0.1)]
    [TestCase(1.0001)]
    [TestCase(double.NaN)]
    [TestCase(double.NegativeInfinity)]
    public void BatchNorm_MomentumOutsideItsRange_NamesIt(double momentum) =>
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new BatchNorm(3, momentum: momentum), "BatchNorm", $"momentum {momentum} ");

    [TestCase(0)]
    [TestCase(-3)]
    public void BatchNorm_VirtualBatchSizeNotPositive_NamesIt(int size) => ErrorAssert.Throws<ArgumentException>(
        () => _ = new BatchNorm(3, virtualBatchSize: size), "BatchNorm", "virtual batch size", $"not {size}");

    [Test]
    public void BatchNorm_FixedGammaWithoutOneOrWithAnInitializer_IsRefused()
    {
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new BatchNorm(3, affine: false, fixGamma: true), "BatchNorm", "fixed gamma");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new BatchNorm(3, gammaInitializer: Initializer.Constant(2), fixGamma: true), "BatchNorm",
            "fixed gamma");
    }

    [Test]
    public void Initialize_OptionBeyondTheElementType_IsNamed()
    {
        foreach (var (layer, words) in new (Layer, string[])[]
        {
            (new BatchNorm(1, 1e-80), ["BatchNorm 'it'", "epsilon 1E-80 "]),
            (new LeakyReLU(1e300), ["LeakyReLU 'it'", "negative slope 1E+300 "]),
        })
        {
            layer.Name = "it";
            using var model = new Sequential(new Linear(2, 2), layer);
            ErrorAssert.Throws<ArgumentException>(() => model.Initialize(Device.Cpu), [.. words, "Float32"]);
            Assert.That(model.Layers[0].IsInitialized, Is.False);
            model.Initialize(Device.Cpu, DType.Float64);
        }

        using var x = Tensor.Zeros([2, 1], DType.Float32, Device.Cpu);
        ErrorAssert.Throws<ArgumentException>(() => BatchNorm.Normalize(x, epsilon: 1e-80), "epsilon 1E-80 ");
    }

    [Test]
    public void BatchNorm_EndsOfItsRanges_AreAllowed()
    {
        foreach (double? momentum in new double?[] { 0, 1, null })
            Assert.That(new BatchNorm(1, double.Epsilon, momentum).Momentum, Is.EqualTo(momentum));
    }

    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void LeakyReLU_SlopeNotFinite_IsNamed(double slope) => ErrorAssert.Throws<ArgumentException>(
        () => _ = new LeakyReLU(slope), "LeakyReLU", $"negative slope {slope} ");

    [TestCase(-0.01)]
    [TestCase(1.01)]
    [TestCase(double.NaN)]
    public void Dropout_ProbabilityOutsideItsRange_IsNamed(double p) => ErrorAssert.Throws<ArgumentException>(
        () => _ = new Dropout(p), "Dropout", $"probability {p} ");

    [Test]
    public void Properties_AreWhatWasGiven()
    {
        Assert.That((new LeakyReLU(0.3).NegativeSlope, new LeakyReLU().NegativeSlope), Is.EqualTo((0.3, 0.01)));
        Assert.That((new GELU().IsTanhApproximation, new GELU(true).IsTanhApproximation), Is.EqualTo((false, true)));
        Assert.That((new Dropout(0.25).P, new Dropout().P), Is.EqualTo((0.25, 0.5)));
        var conv = new Conv2d(2, 3, (4, 5), (6, 7), (8, 9), bias: false);
        Assert.That((conv.InChannels, conv.OutChannels, conv.HasBias), Is.EqualTo((2, 3, false)));
        Assert.That(
            (conv.Kernel, conv.Stride, conv.Padding),
            Is.EqualTo((new Size2d(4, 5), new Size2d(6, 7), new Padding2d(8, 8, 9, 9))));
        Assert.That((conv.Dilation, conv.Groups), Is.EqualTo((new Size2d(1, 1), 1)));
        var plain = new Conv2d(2, 3, 4);
        Assert.That((plain.Stride, plain.Padding, plain.HasBias), Is.EqualTo((new Size2d(1, 1), new Padding2d(0, 0, 0, 0), true)));
        var grouped = new Conv2d(4, 6, 3, padding: new Size2d(1, 2), dilation: (2, 3), groups: 2);
        Assert.That(
            (grouped.Padding, grouped.Dilation, grouped.Groups), Is.EqualTo((new Padding2d(1, 1, 2, 2), new Size2d(2, 3), 2)));
        var signal = new Conv1d(1, 2, 3, 4, (5, 6), 7);
        Assert.That(
            (signal.Kernel, signal.Stride, signal.Padding, signal.Dilation), Is.EqualTo((3, 4, new Padding1d(5, 6), 7)));
        var volume = new Conv3d(1, 2, (3, 4, 5), 2, (1, 2, 3));
        Assert.That(
            (volume.Kernel, volume.Stride, volume.Padding, volume.Dilation),
            Is.EqualTo((new Size3d(3, 4, 5), new Size3d(2, 2, 2), new Padding3d(1, 1, 2, 2, 3, 3), new Size3d(1, 1, 1))));
        var pool = new MaxPool2d((3, 2));
        Assert.That((pool.Window, pool.Stride, pool.Padding), Is.EqualTo(((Size2d)(3, 2), (Size2d)(3, 2), (Size2d)0)));
        var signals = new AvgPool1d(5, 3, 2);
        Assert.That((signals.Window, signals.Stride, signals.Padding), Is.EqualTo((5, 3, 2)));
        Assert.That(
            (signals.CeilMode, signals.CountIncludePad, signals.DivisorOverride), Is.EqualTo((false, true, (int?)null)));
        var volumes = new AvgPool3d(
            (4, 5, 6), (1, 2, 3), (2, 1, 0), ceilMode: true, countIncludePad: false, divisorOverride: 7);
        Assert.That(
            (volumes.Window, volumes.Stride, volumes.Padding),
            Is.EqualTo((new Size3d(4, 5, 6), new Size3d(1, 2, 3), new Size3d(2, 1, 0))));
        Assert.That(
            (volumes.CeilMode, volumes.CountIncludePad, volumes.DivisorOverride), Is.EqualTo((true, false, (int?)7)));
        Assert.That((new MaxPool3d(3).Stride, new MaxPool1d(2, 1, 1, true).CeilMode), Is.EqualTo(((Size3d)3, true)));
        var adaptive = new AdaptiveAvgPool3d(2, null, 5);
        Assert.That(
            (adaptive.OutputDepth, adaptive.OutputHeight, adaptive.OutputWidth),
            Is.EqualTo(((int?)2, (int?)null, (int?)5)));
        var linear = new Linear(5, 6);
        Assert.That((linear.InFeatures, linear.OutFeatures, linear.HasBias), Is.EqualTo((5, 6, true)));
        var norm = new BatchNorm(7);
        Assert.That(
            (norm.Channels, norm.Epsilon, norm.Momentum, norm.IsAffine, norm.UnbiasedRunningVariance),
            Is.EqualTo((7, 1e-5, (double?)0.1, true, true)));
        Assert.That(
            (norm.ChannelsLast, norm.TracksRunningStatistics, norm.VirtualBatchSize, norm.FixesGamma),
            Is.EqualTo((false, true, (int?)null, false)));
    }

    [TestCase("")]
    [TestCase("a.b")]
    [TestCase(".")]
    public void Name_EmptyOrWithADot_IsRefused(string name)
    {
        var layer = new ReLU { Name = "first" };
        ErrorAssert.Throws<ArgumentException>(() => layer.Name = name, $"'{name}'");
        ErrorAssert.Throws<ArgumentException>(() => layer.Name = null!);
        Assert.That(layer.Name, Is.EqualTo("first"));
    }
}
