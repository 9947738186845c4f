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
    public void BatchNorm_EndsOfItsRanges_AreAllowed()
    {
        foreach (double? momentum in new double?[] { 0, 1, null })
            Assert.That(new BatchNorm(1, double.Epsilon, momentum).Momentum, Is.EqualTo(momentum));
    }

    [Test]
    public void Properties_AreWhatWasGiven()
    {
        var conv = new Conv2d(2, 3, (4, 5), (6, 7), (8, 9), bias: false);
        Assert.That((conv.InChannels, conv.OutChannels, conv.HasBias), Is.EqualTo((2, 3, false)));
        Assert.That(
            (conv.Kernel, conv.Stride, conv.Padding),
            Is.EqualTo((new Size2d(4, 5), new Size2d(6, 7), new Size2d(8, 9))));
        var plain = new Conv2d(2, 3, 4);
        Assert.That((plain.Stride, plain.Padding, plain.HasBias), Is.EqualTo((new Size2d(1, 1), new Size2d(0, 0), true)));
        var pool = new MaxPool2d((3, 2));
        Assert.That((pool.Window, pool.Stride, pool.Padding), Is.EqualTo(((Size2d)(3, 2), (Size2d)(3, 2), (Size2d)0)));
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
