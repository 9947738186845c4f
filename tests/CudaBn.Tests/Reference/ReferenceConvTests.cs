using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceConvTests
{
    [Test]
    public void Forward_ByHand_IsCrossCorrelation()
    {
        // A kernel without symmetry: a true convolution, which flips it, gives other numbers.
        double[] x = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        double[] weight = [1, 2, 3, 4];

        var y = Images(1, 1, 1, new(3, 2), new(3, 2)).Forward(x, weight, [10]);

        Assert.That(y, Is.EqualTo(new double[] { 47, 57, 77, 87 }));
    }

    [Test]
    public void Forward_ByHand_StrideAndPaddingPerAxis()
    {
        double[] x = [1, 2, 3, 4, 5, 6];
        double[] weight = [1, 10];

        // 2x3, kernel 1x2, stride 1x2, padding 1x1: rows 0 and 3 are padding, columns start at -1 and 1.
        var y = Images(1, 1, 1, new(2, 1, 1, 1, 1), new(3, 2, 2, 1, 1)).Forward(x, weight, null);

        Assert.That(y, Is.EqualTo(new double[] { 0, 0, 10, 32, 40, 65, 0, 0 }));
    }

    [Test]
    public void Forward_ByHand_DilationAndPaddingAtTheEnd()
    {
        // Elements 0 and 2, 1 and 3, 2 and the zero after the last one.
        var y = Images(1, 1, 1, ReferenceAxis.None, new(4, 2, 1, 0, 1, 2)).Forward([1, 2, 3, 4], [1, 10], null);

        Assert.That(y, Is.EqualTo(new double[] { 31, 42, 3 }));
    }

    [Test]
    public void Forward_ByHand_GroupsSeeTheirOwnChannels()
    {
        // Two groups of two input channels and one output channel.
        var y = new ReferenceConv(1, 4, 2, 2, ReferenceAxis.None, ReferenceAxis.None, ReferenceAxis.None)
            .Forward([1, 2, 3, 4], [1, 10, 100, 1000], null);

        Assert.That(y, Is.EqualTo(new double[] { 21, 4300 }));
    }

    [Test]
    public void Forward_ByHand_SlicesOfAVolume()
    {
        // 3 slices of 1x2, kernel 2x1x1, a slice of zeros before the first.
        var y = new ReferenceConv(1, 1, 1, 1, new(3, 2, 1, 1), new(1, 1), new(2, 1))
            .Forward([1, 2, 3, 4, 5, 6], [1, 10], null);

        Assert.That(y, Is.EqualTo(new double[] { 10, 20, 31, 42, 53, 64 }));
    }

    // By the formula of PyTorch's documentation.
    [TestCase(28, 5, 1, 0, 0, 1, 24)]
    [TestCase(224, 7, 2, 3, 3, 1, 112)]
    [TestCase(10, 3, 1, 0, 0, 4, 2)]
    [TestCase(10, 3, 3, 1, 0, 2, 3)]
    [TestCase(1, 1, 5, 0, 0, 9, 1)]
    [TestCase(7, 2, 2, 0, 1, 1, 4)]
    public void OutputSize_ByHand(int size, int kernel, int stride, int begin, int end, int dilation, int expected) =>
        Assert.That(new ReferenceAxis(size, kernel, stride, begin, end, dilation).OutputSize, Is.EqualTo(expected));

    [Test]
    public void Forward_KernelLargerThanPaddedInput_Throws() =>
        Assert.That(
            () => Images(1, 1, 1, new(2, 5, 1, 1, 1), new(2, 5, 1, 1, 1)).Forward(new double[4], new double[25], null),
            Throws.ArgumentException.With.Message.Contains("a kernel of 5 dilated by 1 does not fit 2 padded by 1 and 1"));

    private static IEnumerable<ReferenceConv> Convolutions() =>
    [
        Images(2, 3, 4, new(5, 3), new(6, 3)),
        Images(2, 2, 3, new(7, 3, 2, 1, 1), new(5, 2, 1)),
        Images(1, 1, 1, new(1, 1), new(1, 1)),
        Images(3, 4, 5, new(2, 1), new(3, 1)),
        Images(2, 2, 2, new(6, 2, 3, 1, 1), new(9, 5, 2, 2, 2)),
        Images(1, 2, 2, new(3, 3, 1, 2, 2), new(3, 3, 1, 2, 2)),
        Images(2, 1, 1, new(8, 2, 3), new(8, 3, 4, 1, 1)),
        Images(2, 4, 6, new(7, 3, 2, 0, 3, 2), new(6, 2, 1, 2, 1, 3)) with { Groups = 2 },
        Images(2, 3, 6, new(5, 3, 1, 1, 2), new(4, 3, 2, 0, 1)) with { Groups = 3 },
        new(2, 2, 4, 2, new(4, 2, 2, 1, 0), new(3, 2, 1, 0, 1), new(5, 2, 1, 1, 1, 2)),
        new(1, 3, 2, 1, new(3, 3, 1, 2, 1, 2), new(2, 2), new(3, 1, 2)),
    ];

    [TestCaseSource(nameof(Convolutions))]
    public void Backward_AgainstFiniteDifferences(ReferenceConv conv)
    {
        ArgumentNullException.ThrowIfNull(conv);
        var x = RandomVector.Normal(1, conv.N * conv.CIn * conv.Z.Size * conv.Y.Size * conv.X.Size);
        var weight = RandomVector.Normal(
            2, conv.COut * conv.CIn / conv.Groups * conv.Z.Kernel * conv.Y.Kernel * conv.X.Kernel);
        var bias = RandomVector.Normal(3, conv.COut);
        double[] Forward() => conv.Forward(x, weight, bias);
        var gradOutput = RandomVector.Normal(4, Forward().Length);

        var (gradInput, gradWeight, gradBias) = conv.Backward(gradOutput, x, weight);

        GradientAssert.Matches("input", gradInput, _ => Forward(), x, gradOutput);
        GradientAssert.Matches("weight", gradWeight, _ => Forward(), weight, gradOutput);
        GradientAssert.Matches("bias", gradBias, _ => Forward(), bias, gradOutput);
    }

    private static ReferenceConv Images(int n, int cIn, int cOut, ReferenceAxis rows, ReferenceAxis columns) =>
        new(n, cIn, cOut, 1, ReferenceAxis.None, rows, columns);
}
