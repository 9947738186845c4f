using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceAdaptiveAvgPoolTests
{
    [TestCase(1, new[] { 3.0 })]
    [TestCase(2, new[] { 2.0, 4 })]
    [TestCase(3, new[] { 1.5, 3, 4.5 })]
    [TestCase(5, new[] { 1.0, 2, 3, 4, 5 })]
    // From floor(o * 5 / 7) up to ceil((o + 1) * 5 / 7).
    [TestCase(7, new[] { 1, 1.5, 2.5, 3, 3.5, 4.5, 5 })]
    public void Forward_FiveByHand(int outputs, double[] expected) =>
        Assert.That(
            ReferenceAdaptiveAvgPool.Forward([1, 2, 3, 4, 5], 1, (1, 1, 5), (1, 1, outputs)),
            Is.EqualTo(expected).Within(1e-15));

    [Test]
    public void Backward_ByHand_SharedInputsAddUp() =>
        // Windows [0, 3) and [2, 5).
        Assert.That(
            ReferenceAdaptiveAvgPool.Backward([3, 30], 1, (1, 1, 5), (1, 1, 2)),
            Is.EqualTo(new double[] { 1, 1, 11, 10, 10 }));

    [TestCase(1, 1, 9, 1, 1, 4)]
    [TestCase(1, 5, 4, 1, 3, 7)]
    [TestCase(3, 4, 5, 2, 1, 3)]
    [TestCase(2, 3, 2, 5, 2, 2)]
    public void Backward_AgainstFiniteDifferences(
        int depth, int height, int width, int outDepth, int outHeight, int outWidth)
    {
        Size3d from = (depth, height, width), to = (outDepth, outHeight, outWidth);
        var x = RandomVector.Normal(1, 2 * depth * height * width);
        var gradOutput = RandomVector.Normal(2, 2 * outDepth * outHeight * outWidth);

        var gradInput = ReferenceAdaptiveAvgPool.Backward(gradOutput, 2, from, to);

        GradientAssert.Matches(
            "input", gradInput, at => ReferenceAdaptiveAvgPool.Forward(at, 2, from, to), x, gradOutput);
    }
}
