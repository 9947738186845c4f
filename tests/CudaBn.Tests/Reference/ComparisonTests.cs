using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ComparisonTests
{
    [Test]
    public void RelativeError_ByHand()
    {
        Assert.That(Comparison.RelativeError([3, 4], [3, 5]), Is.EqualTo(1 / Math.Sqrt(34)).Within(1e-15));
        Assert.That(Comparison.RelativeError([3, 5], [3, 4]), Is.EqualTo(1 / Math.Sqrt(34)).Within(1e-15));
        Assert.That(Comparison.RelativeError([0, 0], [0, 0]), Is.Zero);
        Assert.That(Comparison.RelativeError([0, 1e-12], [0, 0]), Is.EqualTo(1));
    }

    [TestCase(double.NaN, 1)]
    [TestCase(1, double.NaN)]
    [TestCase(double.NaN, double.NaN)]
    [TestCase(double.PositiveInfinity, double.PositiveInfinity)]
    [TestCase(double.PositiveInfinity, 1)]
    public void RelativeError_NotFinite_IsInfinite(double actual, double expected) =>
        Assert.That(Comparison.RelativeError([1, actual], [1, expected]), Is.EqualTo(double.PositiveInfinity));

    [Test]
    public void RelativeError_OtherLength_Throws() =>
        Assert.That(() => Comparison.RelativeError([1], [1, 2]),
            Throws.ArgumentException.With.Message.EqualTo("1 elements against 2 expected"));

    [Test]
    public void WorstElement_NamesPlaceAndValues()
    {
        Assert.That(Comparison.WorstElement([1, 2, 3.5], [1, 2.25, 3]),
            Is.EqualTo("worst of 3 at [2]: 3.5, expected 3, off by 5.000E-001"));
        Assert.That(Comparison.WorstElement([9, double.NaN], [1, 2]), Does.Contain("[1]: NaN, expected 2"));
        Assert.That(Comparison.WorstElement([double.NaN, 1], [double.NaN, 2]), Does.Contain("[1]: 1, expected 2"));
        Assert.That(Comparison.WorstElement([], []), Is.EqualTo("no elements"));
    }
}
