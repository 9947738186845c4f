using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceConv2dTests
{
    [Test]
    public void Forward_ByHand_IsCrossCorrelation()
    {
        // A kernel without symmetry: a true convolution, which flips it, gives other numbers.
        double[] x = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        double[] weight = [1, 2, 3, 4];

        var y = ReferenceConv2d.Forward(x, weight, [10], 1, 1, 3, 3, 1, 2, 2, 1, 1, 0, 0);

        Assert.That(y, Is.EqualTo(new double[] { 47, 57, 77, 87 }));
    }

    [Test]
    public void Forward_ByHand_StrideAndPaddingPerAxis()
    {
        double[] x = [1, 2, 3, 4, 5, 6];
        double[] weight = [1, 10];

        // 2x3, kernel 1x2, stride 1x2, padding 1x1: rows 0 and 3 are padding, columns start at -1 and 1.
        var y = ReferenceConv2d.Forward(x, weight, null, 1, 1, 2, 3, 1, 1, 2, 1, 2, 1, 1);

        Assert.That(y, Is.EqualTo(new double[] { 0, 0, 10, 32, 40, 65, 0, 0 }));
    }

    [Test]
    public void Forward_KernelLargerThanPaddedInput_Throws() =>
        Assert.That(
            () => ReferenceConv2d.Forward(new double[4], new double[25], null, 1, 1, 2, 2, 1, 5, 5, 1, 1, 1, 1),
            Throws.ArgumentException.With.Message.Contains("a kernel of 5 does not fit 2 padded by 1"));

    [TestCase(2, 3, 5, 6, 4, 3, 3, 1, 1, 0, 0)]
    [TestCase(2, 2, 7, 5, 3, 3, 2, 2, 1, 1, 0)]
    [TestCase(1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0)]
    [TestCase(3, 4, 2, 3, 5, 1, 1, 1, 1, 0, 0)]
    [TestCase(2, 2, 6, 9, 2, 2, 5, 3, 2, 1, 2)]
    [TestCase(1, 2, 3, 3, 2, 3, 3, 1, 1, 2, 2)]
    [TestCase(2, 1, 8, 8, 1, 2, 3, 3, 4, 0, 1)]
    public void Backward_AgainstFiniteDifferences(
        int n, int cIn, int h, int w, int cOut, int kH, int kW, int strideH, int strideW, int padH, int padW)
    {
        var x = RandomVector.Normal(1, n * cIn * h * w);
        var weight = RandomVector.Normal(2, cOut * cIn * kH * kW);
        var bias = RandomVector.Normal(3, cOut);
        double[] Forward() => ReferenceConv2d.Forward(
            x, weight, bias, n, cIn, h, w, cOut, kH, kW, strideH, strideW, padH, padW);
        var gradOutput = RandomVector.Normal(4, Forward().Length);

        var (gradInput, gradWeight, gradBias) = ReferenceConv2d.Backward(
            gradOutput, x, weight, n, cIn, h, w, cOut, kH, kW, strideH, strideW, padH, padW);

        GradientAssert.Matches("input", gradInput, _ => Forward(), x, gradOutput);
        GradientAssert.Matches("weight", gradWeight, _ => Forward(), weight, gradOutput);
        GradientAssert.Matches("bias", gradBias, _ => Forward(), bias, gradOutput);
    }
}
