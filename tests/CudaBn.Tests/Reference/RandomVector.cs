namespace CudaBn.Tests.Reference;

/// <summary>Seeded inputs for tests: the same seed gives the same numbers.</summary>
public static class RandomVector
{
    /// <summary>Standard normal numbers (Box and Muller).</summary>
    public static double[] Normal(int seed, int length)
    {
        var random = new Random(seed);
        var values = new double[length];
        for (var i = 0; i < length; i++)
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            values[i] = radius * Math.Cos(2 * Math.PI * random.NextDouble());
        }

        return values;
    }

    /// <summary>Integers from -bound to bound, whose sums of products have no rounding error while they stay below the
    /// precision of the element type.</summary>
    public static double[] Integers(int seed, int length, int bound)
    {
        var random = new Random(seed);
        var values = new double[length];
        for (var i = 0; i < length; i++)
            values[i] = random.Next(-bound, bound + 1);
        return values;
    }

    /// <summary>
    /// The numbers (i + 0.5) * 0.1, half of them below zero, in random order: all at least 0.1 apart and 0.05 from
    /// zero, so that a small step crosses no kink of ReLU and changes no winner of a maximum.
    /// </summary>
    public static double[] Spaced(int seed, int length)
    {
        var values = new double[length];
        for (var i = 0; i < length; i++)
            values[i] = (i - length / 2 + 0.5) * 0.1;
        new Random(seed).Shuffle(values);
        return values;
    }
}
