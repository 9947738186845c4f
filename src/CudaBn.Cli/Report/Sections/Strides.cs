namespace CudaBn.Cli;

/// <summary>Distances between labels.</summary>
internal static class Strides
{
    /// <summary>The least of 1, 2, 5, 10, 20, 50 and so on that leaves at most so many of a number of labels.</summary>
    public static int For(int count, int most)
    {
        var power = 1;
        while (count / (5 * power) > most)
            power *= 10;
        return count / power <= most ? power : count / (2 * power) <= most ? 2 * power : 5 * power;
    }
}
