using System.Globalization;

namespace CudaBn.Tests.Reference;

/// <summary>Distances between two vectors, and words for them.</summary>
public static class Comparison
{
    /// <summary>
    /// |actual - expected| / max(|actual|, |expected|) in the Euclidean norm; 0 for two vectors of zeros.
    /// </summary>
    /// <returns>Infinity where either vector holds NaN or an infinity: NUnit counts NaN as less than any bound, so that
    /// NaN here would pass.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static double RelativeError(ReadOnlySpan<double> actual, ReadOnlySpan<double> expected)
    {
        RequireSameLength(actual, expected);
        double difference = 0, actualSquares = 0, expectedSquares = 0;
        for (var i = 0; i < actual.Length; i++)
        {
            difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            actualSquares += actual[i] * actual[i];
            expectedSquares += expected[i] * expected[i];
        }

        var scale = Math.Max(Math.Sqrt(Math.Max(actualSquares, expectedSquares)), double.Epsilon);
        var error = Math.Sqrt(difference) / scale;
        return double.IsNaN(error) ? double.PositiveInfinity : error;
    }

    /// <summary>Names the element that differs most, in absolute terms; NaN in one vector alone differs most of all.
    /// </summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static string WorstElement(ReadOnlySpan<double> actual, ReadOnlySpan<double> expected)
    {
        RequireSameLength(actual, expected);
        var worst = -1;
        var largest = -1.0;
        for (var i = 0; i < actual.Length; i++)
        {
            var distance = Distance(actual[i], expected[i]);
            if (distance > largest)
            {
                largest = distance;
                worst = i;
            }
        }

        return worst < 0
            ? "no elements"
            : string.Create(CultureInfo.InvariantCulture,
                $"worst of {actual.Length} at [{worst}]: {actual[worst]}, " +
                $"expected {expected[worst]}, off by {largest:E3}");
    }

    private static double Distance(double actual, double expected)
    {
        if (actual.Equals(expected))
            return 0;
        var distance = Math.Abs(actual - expected);
        return double.IsNaN(distance) ? double.PositiveInfinity : distance;
    }

    private static void RequireSameLength(ReadOnlySpan<double> actual, ReadOnlySpan<double> expected)
    {
        if (actual.Length != expected.Length)
            throw new ArgumentException($"{actual.Length} elements against {expected.Length} expected");
    }
}
