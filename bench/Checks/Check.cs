using System.Globalization;

namespace CudaBn.Bench;

/// <summary>Compares an operator's results with the definition of the operator, computed in double precision. Large tensors
/// are compared at samples: both ends, where tiles and registers have their edges, and places drawn at random.</summary>
public static class Check
{
    /// <summary>2^-24: the largest relative error of rounding to a float.</summary>
    public const double UnitRoundoff = 1.0 / (1 << 24);

    private const int AtEachEnd = 40;

    /// <summary>The bound of a sum of products: 8 * sqrt(terms) * 2^-24 * magnitude, the magnitude being the sum of the
    /// products' absolute values. Roundings go up as often as down, so their sum grows with the square root of their
    /// number.</summary>
    public static double SumBound(double terms, double magnitude) =>
        8 * Math.Sqrt(terms) * UnitRoundoff * magnitude;

    /// <summary>Indices of samples, in ascending order, each once; all where there are fewer.</summary>
    public static IReadOnlyCollection<long> Samples(long count, int atRandom = 200)
    {
        var samples = new SortedSet<long>();
        for (long i = 0; i < Math.Min(AtEachEnd, count); i++)
        {
            samples.Add(i);
            samples.Add(count - 1 - i);
        }

        var random = new Random(20);
        for (var i = 0; i < atRandom; i++)
            samples.Add(random.NextInt64(count));
        return samples;
    }

    /// <summary>Requires |actual - expected| &lt;= bound; NaN is never within a bound.</summary>
    /// <exception cref="WrongResultException">It is not.</exception>
    public static void Close(string name, long index, double actual, double expected, double bound)
    {
        if (Math.Abs(actual - expected) <= bound)
            return;
        throw new WrongResultException(string.Create(CultureInfo.InvariantCulture,
            $"{name}[{index}] is {actual:R}, not {expected:R}: off by {Math.Abs(actual - expected):E2}, allowed {bound:E2}"));
    }
}
