using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceAvgPoolTests
{
    // Windows of 3 in steps of 2 over 4 elements with one of padding on each side: the last one holds the last element, the
    // padding, and a place beyond it.
    private static readonly PoolSizes Signal = new(1, (1, 1, 4), (1, 1, 3), (1, 1, 2), (0, 0, 1), CeilMode: true);

    [TestCase(true, null, new[] { 1.0, 3, 2 })]
    [TestCase(false, null, new[] { 1.5, 3, 4 })]
    [TestCase(true, 4, new[] { 0.75, 2.25, 1 })]
    [TestCase(false, 4, new[] { 0.75, 2.25, 1 })]
    public void Forward_ByHand(bool countIncludePad, int? divisorOverride, double[] expected) =>
        Assert.That(
            ReferenceAvgPool.Forward([1, 2, 3, 4], Signal, countIncludePad, divisorOverride), Is.EqualTo(expected));

    [TestCase(true, null, new[] { 1.0, 4, 3, 33 })]
    [TestCase(false, null, new[] { 1.5, 4.5, 3, 63 })]
    [TestCase(true, 1, new[] { 3.0, 12, 9, 69 })]
    public void Backward_ByHand(bool countIncludePad, int? divisorOverride, double[] expected) =>
        Assert.That(
            ReferenceAvgPool.Backward([3, 9, 60], Signal, countIncludePad, divisorOverride), Is.EqualTo(expected));

    [Test]
    public void Forward_ImageByHand()
    {
        double[] x = [1, 2, 3, 4, 5, 6, 7, 8, 9];

        var y = ReferenceAvgPool.Forward(x, new PoolSizes(1, (1, 3, 3), (1, 2, 2), 1, 0), countIncludePad: true);

        Assert.That(y, Is.EqualTo(new double[] { 3, 4, 6, 7 }));
    }

    [Test]
    public void Backward_AgainstFiniteDifferences(
        [Values] bool ceilMode, [Values] bool countIncludePad, [Values(null, 3)] int? divisorOverride,
        [Values("2x1x1x9 1x1x4", "2x1x5x4 1x3x2", "2x4x3x5 3x2x2")] string sizes)
    {
        int[] n = [.. sizes.Split('x', ' ').Select(int.Parse)];
        var s = new PoolSizes(
            n[0], (n[1], n[2], n[3]), (n[4], n[5], n[6]), (1, 2, 3), (n[4] / 2, n[5] / 2, n[6] / 2), ceilMode);
        var x = RandomVector.Normal(1, s.InputLength);
        var gradOutput = RandomVector.Normal(2, s.OutputLength);

        var gradInput = ReferenceAvgPool.Backward(gradOutput, s, countIncludePad, divisorOverride);

        GradientAssert.Matches(
            "input", gradInput, at => ReferenceAvgPool.Forward(at, s, countIncludePad, divisorOverride), x, gradOutput);
    }
}
