using System.Globalization;
using NUnit.Framework;

namespace CudaBn.Tests.Support;

/// <summary>How far rounding may take a result from the exact one, element by element.</summary>
public static class ErrorBound
{
    /// <summary>
    /// The bound of sums of products: 8 * sqrt(terms) * unitRoundoff * magnitude, magnitude being the sum of the
    /// products' absolute values. Roundings are as often up as down, so their sum grows with the square root of
    /// their number.
    /// </summary>
    public static double[] OfSums(double unitRoundoff, double[] terms, double[] magnitudes)
    {
        var bound = new double[magnitudes.Length];
        for (var i = 0; i < bound.Length; i++)
            bound[i] = 8 * Math.Sqrt(terms[i]) * unitRoundoff * magnitudes[i];
        return bound;
    }

    /// <summary>Asserts |actual - expected| &lt;= bound for every element; NaN is never within a bound.</summary>
    public static void AssertWithin(string name, double[] actual, double[] expected, double[] bound)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length), name);
        var (worst, excess) = (-1, 0.0);
        for (var i = 0; i < actual.Length; i++)
        {
            var error = Math.Abs(actual[i] - expected[i]);
            if (error <= bound[i])
                continue;
            var thisExcess = double.IsNaN(error) ? double.PositiveInfinity : error - bound[i];
            if (worst < 0 || thisExcess > excess)
                (worst, excess) = (i, thisExcess);
        }

        if (worst >= 0)
            Assert.Fail(string.Create(CultureInfo.InvariantCulture,
                $"{name}: worst of {actual.Length} at [{worst}]: {actual[worst]:R}, expected {expected[worst]:R}, "
                + $"off by {Math.Abs(actual[worst] - expected[worst]):E3}, allowed {bound[worst]:E3}"));
    }

    /// <summary>Asserts that every element is the expected one, the sign of zero included; NaN is NaN.</summary>
    public static void AssertExact(string name, double[] actual, double[] expected)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length), name);
        for (var i = 0; i < actual.Length; i++)
        {
            var same = BitConverter.DoubleToInt64Bits(actual[i]) == BitConverter.DoubleToInt64Bits(expected[i])
                || (double.IsNaN(actual[i]) && double.IsNaN(expected[i]));
            if (same)
                continue;
            Assert.Fail(string.Create(CultureInfo.InvariantCulture,
                $"{name}: [{i}] of {actual.Length} is {actual[i]:R}, expected exactly {expected[i]:R}"));
            // Among several asserts a failure does not throw: the first one says enough, thousands with their stacks take minutes.
            return;
        }
    }

    /// <summary>Asserts that every element equals the expected one; zero is zero whatever its sign, NaN is NaN.
    /// </summary>
    public static void AssertEqual(string name, double[] actual, double[] expected) =>
        AssertExact(name, WithoutSignedZeros(actual), WithoutSignedZeros(expected));

    private static double[] WithoutSignedZeros(double[] values) => Array.ConvertAll(values, value => value + 0.0);
}
