using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceSoftmaxCrossEntropyTests
{
    [TestCase(false, 2)]
    [TestCase(true, 1)]
    public void Forward_EqualLogits_IsLogOfTheClassesPerRow(bool mean, double rows) =>
        Assert.That(ReferenceSoftmaxCrossEntropy.Forward([3, 3, 3, 3, -8, -8, -8, -8], [0, 3], 2, 4, mean),
            Is.EqualTo(rows * Math.Log(4)).Within(1e-14));

    [Test]
    public void Forward_ByHand() =>
        Assert.That(ReferenceSoftmaxCrossEntropy.Forward([Math.Log(1), Math.Log(3)], [0], 1, 2, mean: true),
            Is.EqualTo(Math.Log(4)).Within(1e-15));

    [Test]
    public void Forward_HugeLogits_StayFinite()
    {
        Assert.That(ReferenceSoftmaxCrossEntropy.Forward([1e6, 1e6 - 1000], [1], 1, 2, mean: true), Is.EqualTo(1000));
        Assert.That(ReferenceSoftmaxCrossEntropy.Forward([-1e6, -1e6], [1], 1, 2, mean: true),
            Is.EqualTo(Math.Log(2)).Within(1e-9));
    }

    // log(4) - (1 - 0.2) * log(3) - 0.2 / 2 * (log(1) + log(3)) with label 1; with label 0 the log(3) of the label goes.
    [TestCase(1, 1.3862943611198906 - 0.9 * 1.0986122886681098)]
    [TestCase(0, 1.3862943611198906 - 0.1 * 1.0986122886681098)]
    public void Forward_Smoothed_ByHand(int label, double expected) =>
        Assert.That(
            ReferenceSoftmaxCrossEntropy.Forward([Math.Log(1), Math.Log(3)], [label], 1, 2, mean: true, smoothing: 0.2),
            Is.EqualTo(expected).Within(1e-15));

    [TestCase(1, 2, true, 0)]
    [TestCase(4, 10, true, 0)]
    [TestCase(4, 10, false, 0)]
    [TestCase(7, 3, false, 0)]
    [TestCase(4, 5, true, 0.1)]
    [TestCase(3, 4, false, 0.9)]
    public void Backward_AgainstFiniteDifferences(int n, int classes, bool mean, double smoothing)
    {
        var logits = RandomVector.Normal(1, n * classes);
        var labels = new int[n];
        for (var i = 0; i < n; i++)
            labels[i] = (i * 7 + 1) % classes;

        var gradLogits = ReferenceSoftmaxCrossEntropy.Backward(logits, labels, n, classes, mean, smoothing);

        var expected = FiniteDifference.Gradient(
            at => ReferenceSoftmaxCrossEntropy.Forward(at, labels, n, classes, mean, smoothing), logits);
        GradientAssert.Matches("logits", gradLogits, expected);
    }
}
