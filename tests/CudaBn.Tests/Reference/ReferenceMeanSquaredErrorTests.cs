using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceMeanSquaredErrorTests
{
    [TestCase(false, 9 + 1 + 0)]
    [TestCase(true, 10 / 3.0)]
    public void Forward_ByHand(bool mean, double expected) =>
        Assert.That(
            ReferenceMeanSquaredError.Forward([1, 2, 3], [4, 1, 3], mean), Is.EqualTo(expected).Within(1e-15));

    [TestCase(1, true)]
    [TestCase(17, true)]
    [TestCase(17, false)]
    public void Backward_AgainstFiniteDifferences(int length, bool mean)
    {
        var (prediction, target) = (RandomVector.Normal(1, length), RandomVector.Normal(2, length));
        GradientAssert.Matches(
            "prediction", ReferenceMeanSquaredError.Backward(prediction, target, mean),
            FiniteDifference.Gradient(at => ReferenceMeanSquaredError.Forward(at, target, mean), prediction));
    }
}
