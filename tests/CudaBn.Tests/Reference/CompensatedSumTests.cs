using NUnit.Framework;

namespace CudaBn.Tests.Reference;

public class CompensatedSumTests
{
    [Test]
    public void Value_TermsThatAloneRoundAway_KeepsThem()
    {
        var sum = new CompensatedSum();
        double[] terms = [1, 1e100, 1, -1e100];
        foreach (var term in terms)
            sum.Add(term);

        Assert.That(sum.Value, Is.EqualTo(2));
    }

    [Test]
    public void Value_EqualTerms_IsTheirProductWithTheirNumber()
    {
        var sum = new CompensatedSum();
        for (var i = 0; i < 1_000_000; i++)
            sum.Add(0.1);

        Assert.That(sum.Value, Is.EqualTo(1_000_000 * 0.1));
    }

    [TestCase(double.PositiveInfinity, 1, ExpectedResult = double.PositiveInfinity)]
    [TestCase(1, double.NegativeInfinity, ExpectedResult = double.NegativeInfinity)]
    [TestCase(double.MaxValue, double.MaxValue, ExpectedResult = double.PositiveInfinity)]
    [TestCase(double.PositiveInfinity, double.NegativeInfinity, ExpectedResult = double.NaN)]
    [TestCase(1, double.NaN, ExpectedResult = double.NaN)]
    public double Value_NotFinite_IsThatOfDoubles(double first, double second)
    {
        var sum = new CompensatedSum();
        sum.Add(first);
        sum.Add(second);
        return sum.Value;
    }
}
