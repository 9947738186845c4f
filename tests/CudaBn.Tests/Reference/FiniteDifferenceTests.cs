using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class FiniteDifferenceTests
{
    [Test]
    public void Gradient_OfAKnownFunction()
    {
        double[] x = [0.5, -20, 3];

        var gradient = FiniteDifference.Gradient(at => Math.Sin(at[0]) + at[1] * at[1] * at[2], x);

        double[] expected = [Math.Cos(0.5), -120, 400];
        Assert.That(gradient, Is.EqualTo(expected).Within(1e-6));
        Assert.That(x, Is.EqualTo(new[] { 0.5, -20, 3 }), "the point itself must be restored");
    }

    [Test]
    public void Gradient_Weighted_OfTheSquares()
    {
        var gradient = FiniteDifference.Gradient(x => Array.ConvertAll(x, v => v * v), [1, 2, 3], [10, -1, 0.5]);

        GradientAssert.Matches("squares", gradient, [20, -4, 3]);
    }

    [Test]
    public void WeightedSum_OtherLength_Throws() =>
        Assert.That(() => FiniteDifference.WeightedSum([1, 2], [1]), Throws.ArgumentException);
}
