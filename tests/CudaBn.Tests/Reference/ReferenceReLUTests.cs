using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceReLUTests
{
    [Test]
    public void Forward_ByHand_NaNStays() =>
        Assert.That(
            ReferenceReLU.Forward(
                [-1, 0, 2, double.NaN, double.NegativeInfinity, double.PositiveInfinity, -double.Epsilon]),
            Is.EqualTo(new[] { 0, 0, 2, double.NaN, 0, double.PositiveInfinity, 0 }));

    [Test]
    public void Backward_AtTheKink_IsZero() =>
        Assert.That(ReferenceReLU.Backward([5, 6, 7], [0, 1, 0]), Is.EqualTo(new double[] { 0, 6, 0 }));

    [Test]
    public void Backward_WhereTheOutputIsNaN_Passes() =>
        Assert.That(ReferenceReLU.Backward([5, 6], [double.NaN, 0]), Is.EqualTo(new double[] { 5, 0 }));

    [TestCase(1)]
    [TestCase(37)]
    public void Backward_AgainstFiniteDifferences(int length)
    {
        var x = RandomVector.Spaced(1, length);
        var gradOutput = RandomVector.Normal(2, length);

        var gradInput = ReferenceReLU.Backward(gradOutput, ReferenceReLU.Forward(x));

        GradientAssert.Matches("input", gradInput, ReferenceReLU.Forward, x, gradOutput);
    }
}
