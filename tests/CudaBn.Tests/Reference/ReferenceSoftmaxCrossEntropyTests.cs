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

    [TestCase(1, 2, true)]
    [TestCase(4, 10, true)]
    [TestCase(4, 10, false)]
    [TestCase(7, 3, false)]
    public void Backward_AgainstFiniteDifferences(int n, int classes, bool mean)
    {
        var logits = RandomVector.Normal(1, n * classes);
        var labels = new int[n];
        for (var i = 0; i < n; i++)
            labels[i] = (i * 7 + 1) % classes;

        var gradLogits = ReferenceSoftmaxCrossEntropy.Backward(logits, labels, n, classes, mean);

        var expected = FiniteDifference.Gradient(
            at => ReferenceSoftmaxCrossEntropy.Forward(at, labels, n, classes, mean), logits);
        GradientAssert.Matches("logits", gradLogits, expected);
    }
}
