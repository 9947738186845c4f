using NUnit.Framework;

namespace CudaBn.Tests.Initializers;

public class NormalQuantileTests
{
    // The first three: Wichura's own checks of the algorithm. The rest: tables of the normal distribution.
    [TestCase(0.25, -0.6744897501960817)]
    [TestCase(0.001, -3.090232306167814)]
    [TestCase(1e-20, -9.262340089798408)]
    [TestCase(0.5, 0)]
    [TestCase(0.75, 0.6744897501960817)]
    [TestCase(0.9, 1.2815515655446004)]
    [TestCase(0.95, 1.6448536269514722)]
    [TestCase(0.975, 1.959963984540054)]
    [TestCase(0.99, 2.3263478740408408)]
    [TestCase(0.995, 2.5758293035489004)]
    [TestCase(0.999, 3.090232306167813)]
    [TestCase(0.0001, -3.7190164854556804)]
    [TestCase(1e-6, -4.753424308822899)]
    [TestCase(1e-10, -6.361340902404056)]
    public void Of_TabulatedQuantiles(double p, double expected) =>
        Assert.That(NormalQuantile.Of(p), Is.EqualTo(expected).Within(1e-15 + 4e-15 * Math.Abs(expected)));

    [Test]
    public void Of_IsTheInverseOfTheIntegralOfTheDensity()
    {
        // Simpson's rule outwards from 0, in steps small enough for 1e-14.
        const double step = 1.0 / 512;
        double integral = 0;
        for (var i = 1; i <= 512 * 6; i++)
        {
            var (left, right) = ((i - 1) * step, i * step);
            integral += step / 6 * (Density(left) + 4 * Density((left + right) / 2) + Density(right));
            // An error of the integral is one of the quantile divided by the density.
            var tolerance = 1e-14 + 2e-15 / Density(right);
            Assert.That(NormalQuantile.Of(0.5 + integral), Is.EqualTo(right).Within(tolerance), $"{right}");
            Assert.That(NormalQuantile.Of(0.5 - integral), Is.EqualTo(-right).Within(tolerance), $"-{right}");
        }

        static double Density(double x) => Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
    }

    [Test]
    public void Of_ComplementaryProbabilities_AreOppositeBitForBit()
    {
        for (var i = 1; i < 1024; i++)
            Assert.That(NormalQuantile.Of(1 - i / 2048.0), Is.EqualTo(-NormalQuantile.Of(i / 2048.0)));
    }

    [Test]
    public void Of_RisesAndIsFiniteOverEverythingTheGeneratorMakes()
    {
        const double smallest = 0.5 / (1UL << 52);
        Assert.That(NormalQuantile.Of(smallest), Is.EqualTo(-8.2).Within(0.1));
        Assert.That(NormalQuantile.Of(1 - smallest), Is.EqualTo(-NormalQuantile.Of(smallest)).Within(1e-9));
        var last = double.NegativeInfinity;
        // Through both joints of the three formulas: |p - 1/2| = 0.425 and p = exp(-25).
        foreach (var p in Enumerable.Range(1, 4000).Select(i => Math.Exp(-36 + i * 0.009)).Where(p => p < 1))
        {
            var value = NormalQuantile.Of(p);
            Assert.That(value, Is.GreaterThan(last), $"{p}");
            last = value;
        }
    }

    [Test]
    public void Log_IsWithinTwoUnitsInTheLastPlace()
    {
        var random = new Random(1);
        for (var i = 0; i < 200_000; i++)
        {
            var x = i < 100_000 ? random.NextDouble() : Math.Exp(random.NextDouble() * 1400 - 700);
            AssertLog(x);
        }

        foreach (var x in new[]
        {
            1, 0.5, 2, Math.Sqrt(0.5), Math.Sqrt(2), Math.BitDecrement(1.0), Math.BitIncrement(1.0), Math.E,
            Math.BitDecrement(Math.Sqrt(0.5)), Math.BitIncrement(Math.Sqrt(2)), 0.99, 1.01, 2.2250738585072014e-308, double.MaxValue,
        })
            AssertLog(x);

        static void AssertLog(double x)
        {
            var expected = Math.Log(x);
            var unit = Math.BitIncrement(Math.Abs(expected)) - Math.Abs(expected);
            Assert.That(Math.Abs(NormalQuantile.Log(x) - expected), Is.LessThanOrEqualTo(2 * unit), $"{x:R}");
        }
    }
}
