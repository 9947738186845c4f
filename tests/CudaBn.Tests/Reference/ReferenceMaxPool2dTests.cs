using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceMaxPool2dTests
{
    [Test]
    public void Forward_ByHand_IndicesCountWithinThePlane()
    {
        double[] x = [1, 5, 2, 0, 3, 4, 9, 8, -1, -2, -3, -4, -5, -6, -7, -8];

        var (y, indices) = ReferenceMaxPool2d.Forward(x, 1, 2, 2, 4, 2, 2, 2, 2, 0, 0);

        Assert.That(y, Is.EqualTo(new double[] { 5, 9, -1, -3 }));
        Assert.That(indices, Is.EqualTo((int[])[1, 6, 0, 2]));
    }

    [Test]
    public void Forward_Tie_FirstInRowMajorOrderWins()
    {
        var (_, indices) = ReferenceMaxPool2d.Forward([0, 7, 7, 7], 1, 1, 2, 2, 2, 2, 1, 1, 0, 0);

        Assert.That(indices, Is.EqualTo((int[])[1]));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(3)]
    public void Forward_NaN_WinsOverNumbers(int at)
    {
        double[] x = [1, double.PositiveInfinity, 2, 3];
        x[at] = double.NaN;

        var (y, indices) = ReferenceMaxPool2d.Forward(x, 1, 1, 2, 2, 2, 2, 1, 1, 0, 0);

        Assert.That(y[0], Is.NaN);
        Assert.That(indices[0], Is.EqualTo(at));
    }

    [Test]
    public void Forward_SeveralNaN_FirstWins()
    {
        var (_, indices) = ReferenceMaxPool2d.Forward([1, double.NaN, double.NaN, 2], 1, 1, 2, 2, 2, 2, 1, 1, 0, 0);

        Assert.That(indices, Is.EqualTo((int[])[1]));
    }

    [Test]
    public void Forward_AllBelowZero_PaddingNeverWins()
    {
        double[] x = [-5, -6, -7, double.NegativeInfinity];

        var (y, indices) = ReferenceMaxPool2d.Forward(x, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1);

        Assert.That(y, Is.EqualTo(x));
        Assert.That(indices, Is.EqualTo((int[])[0, 1, 2, 3]));
    }

    [Test]
    public void Forward_WindowOfPaddingAlone_Throws() =>
        Assert.That(() => ReferenceMaxPool2d.Forward([1], 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
            Throws.ArgumentException.With.Message.Contains("(0, 0, 0)"));

    [Test]
    public void Backward_OverlappingWindows_AddUp()
    {
        double[] x = [0, 0, 0, 0, 9, 0, 0, 0, 0];
        var (_, indices) = ReferenceMaxPool2d.Forward(x, 1, 1, 3, 3, 2, 2, 1, 1, 0, 0);

        var gradInput = ReferenceMaxPool2d.Backward([1, 10, 100, 1000], indices, 1, 1, 3, 3, 2, 2);

        Assert.That(gradInput, Is.EqualTo(new double[] { 0, 0, 0, 0, 1111, 0, 0, 0, 0 }));
    }

    [TestCase(2, 3, 4, 6, 2, 2, 2, 2, 0, 0)]
    [TestCase(1, 2, 7, 5, 3, 2, 2, 1, 1, 1)]
    [TestCase(2, 1, 5, 5, 3, 3, 1, 1, 1, 1)]
    [TestCase(1, 1, 1, 1, 1, 1, 1, 1, 0, 0)]
    [TestCase(3, 2, 5, 8, 2, 3, 2, 3, 0, 0)]
    public void Backward_AgainstFiniteDifferences(
        int n, int c, int h, int w, int windowH, int windowW, int strideH, int strideW, int padH, int padW)
    {
        var x = RandomVector.Spaced(1, n * c * h * w);
        double[] Forward() =>
            ReferenceMaxPool2d.Forward(x, n, c, h, w, windowH, windowW, strideH, strideW, padH, padW).Y;
        var (y, indices) = ReferenceMaxPool2d.Forward(
            x, n, c, h, w, windowH, windowW, strideH, strideW, padH, padW);
        var gradOutput = RandomVector.Normal(2, y.Length);
        var outH = ReferenceMaxPool2d.OutputSize(h, windowH, strideH, padH);
        var outW = ReferenceMaxPool2d.OutputSize(w, windowW, strideW, padW);

        var gradInput = ReferenceMaxPool2d.Backward(gradOutput, indices, n, c, h, w, outH, outW);

        GradientAssert.Matches("input", gradInput, _ => Forward(), x, gradOutput);
    }
}
