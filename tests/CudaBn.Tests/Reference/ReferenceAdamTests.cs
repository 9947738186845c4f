using NUnit.Framework;

namespace CudaBn.Tests.Reference;

/// <summary>Two steps worked out by hand: parameter 1, learning rate 0.5, both betas 0.5, epsilon 1, gradients 2 and then
/// 4.</summary>
[TestFixture]
public class ReferenceAdamTests
{
    // m = 1, v = 2, corrected 2 and 4: step 0.5 * 2 / (2 + 1) = 1/3. Then m = 2.5, v = 9, corrected by 3/4: 10/3 and 12.
    [TestCase(0, false, 2.0 / 3)]
    // Decay 0.5 makes the first gradient 2.5: m = 1.25, v = 3.125, corrected 2.5 and 6.25: step 0.5 * 2.5 / 3.5.
    [TestCase(0.5, false, 1 - 1.25 / 3.5)]
    // Decoupled decay takes a quarter of the value first.
    [TestCase(0.5, true, 0.75 - 1.0 / 3)]
    public void Step_OneByHand(double weightDecay, bool decoupled, double expected)
    {
        var (parameter, m, v) = (new double[] { 1 }, new double[1], new double[1]);
        ReferenceAdam.Step(parameter, [2], m, v, 1, 0.5, 0.5, 0.5, 1, weightDecay, decoupled);
        Assert.That(parameter[0], Is.EqualTo(expected).Within(1e-15));
    }

    [Test]
    public void Step_TwoByHand()
    {
        var (parameter, m, v) = (new double[] { 1 }, new double[1], new double[1]);
        ReferenceAdam.Step(parameter, [2], m, v, 1, 0.5, 0.5, 0.5, 1, 0, decoupled: false);
        ReferenceAdam.Step(parameter, [4], m, v, 2, 0.5, 0.5, 0.5, 1, 0, decoupled: false);
        Assert.That((m[0], v[0]), Is.EqualTo((2.5, 9.0)));
        Assert.That(parameter[0], Is.EqualTo(2.0 / 3 - 0.5 * (10.0 / 3) / (Math.Sqrt(12) + 1)).Within(1e-15));
    }

    [TestCase(0.9, 1, 0.1)]
    [TestCase(0.5, 3, 0.875)]
    [TestCase(0, 7, 1)]
    public void Correction_ByHand(double beta, int step, double expected) =>
        Assert.That(ReferenceAdam.Correction(beta, step), Is.EqualTo(expected).Within(1e-15));
}
