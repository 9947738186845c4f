using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceMaxPoolTests
{
    private static readonly PoolSizes[] Sizes =
    [
        new(2, (1, 1, 9), (1, 1, 3), (1, 1, 2), (0, 0, 1)),
        new(2, (1, 1, 8), (1, 1, 3), (1, 1, 2), (0, 0, 0), CeilMode: true),
        new(3, (1, 5, 4), (1, 3, 2), (1, 2, 1), (0, 1, 1), CeilMode: true),
        new(2, (3, 4, 5), 2, 1, 0),
        new(2, (4, 3, 5), (3, 2, 2), (2, 1, 3), (1, 1, 0), CeilMode: true),
    ];

    [Test]
    public void Forward_VolumeByHand_SlicesComeFirst()
    {
        // Two slices of 2 x 2; the maximum of all, twice.
        double[] x = [1, 2, 3, 4, 9, 5, 9, 6];

        var (y, indices) = ReferenceMaxPool.Forward(x, new PoolSizes(1, (2, 2, 2), 2, 1, 0));

        Assert.That(y, Is.EqualTo(new double[] { 9 }));
        Assert.That(indices, Is.EqualTo(new[] { 4 }));
    }

    // Windows of 2 in steps of 2 over 5 leave one element to the last window.
    [TestCase(5, 2, 2, 0, false, 2)]
    [TestCase(5, 2, 2, 0, true, 3)]
    // Over 3 padded to 5 the third window would start in the padding on the right.
    [TestCase(3, 2, 2, 1, false, 2)]
    [TestCase(3, 2, 2, 1, true, 2)]
    // Over 4 padded to 6 it starts at the last element.
    [TestCase(4, 3, 2, 1, false, 2)]
    [TestCase(4, 3, 2, 1, true, 3)]
    // A window that is too large by less than the step is one window.
    [TestCase(2, 4, 3, 0, true, 1)]
    [TestCase(6, 3, 3, 0, true, 2)]
    public void OutputSize_ByHand(int input, int window, int stride, int padding, bool ceilMode, int expected) =>
        Assert.That(PoolSizes.OutputSize(input, window, stride, padding, ceilMode), Is.EqualTo(expected));

    [TestCase(2, 3, 5, 0, false)]
    [TestCase(2, 5, 3, 0, true)]
    public void OutputSize_NoWindow_Throws(int input, int window, int stride, int padding, bool ceilMode) =>
        Assert.That(
            () => PoolSizes.OutputSize(input, window, stride, padding, ceilMode),
            Throws.ArgumentException.With.Message.Contains($"{window}"));

    [TestCaseSource(nameof(Sizes))]
    public void Backward_AgainstFiniteDifferences(PoolSizes s)
    {
        var x = RandomVector.Spaced(1, s.InputLength);
        var (y, indices) = ReferenceMaxPool.Forward(x, s);
        var gradOutput = RandomVector.Normal(2, y.Length);

        var gradInput = ReferenceMaxPool.Backward(gradOutput, indices, s);

        GradientAssert.Matches("input", gradInput, at => ReferenceMaxPool.Forward(at, s).Y, x, gradOutput);
    }
}
