using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>How many elements of a tensor lie in each of some intervals of one width.</summary>
/// <param name="Low">Where the first interval begins.</param>
/// <param name="Width">The width of each, above 0.</param>
/// <param name="Counts">The elements in each.</param>
internal sealed record Histogram(double Low, double Width, long[] Counts)
{
    private const int MostIntervals = 60;

    /// <summary>Where the last interval ends.</summary>
    public double High => Low + (Width * Counts.Length);

    /// <summary>Reads the finite elements of a tensor; null if there are none.</summary>
    /// <exception cref="InvalidDataException">The file is broken there.</exception>
    public static Histogram? Of(ITensorFile file, TensorEntry tensor, TensorStatistics statistics)
    {
        if (statistics.Min is not { } min || statistics.Max is not { } max)
            return null;

        var histogram = Empty(min, max, statistics.FiniteCount, TensorValues.AreIntegers(tensor.DType));
        TensorValues.ForEachPiece(file, tensor, histogram.Add);
        return histogram;
    }

    private static Histogram Empty(double min, double max, long count, bool areIntegers)
    {
        // One interval around each integer.
        if (areIntegers && max - min < MostIntervals)
            return new Histogram(min - 0.5, 1, new long[(int)(max - min) + 1]);
        // Numbers of one value, or of two that are neighbours: a bar of a width that can be seen.
        if (max - min <= Math.Max(1e-12 * Math.Max(Math.Abs(min), Math.Abs(max)), double.Epsilon * MostIntervals))
        {
            var width = min == 0 ? 1 : 0.1 * Math.Abs(min);
            return new Histogram(min - (width / 2), width, new long[1]);
        }

        // Rice's rule.
        var intervals = (int)Math.Clamp(Math.Ceiling(2 * Math.Cbrt(count)), 2, MostIntervals);
        return new Histogram(min, (max / intervals) - (min / intervals), new long[intervals]);
    }

    private void Add(ReadOnlySpan<double> values)
    {
        foreach (var value in values)
        {
            if (double.IsFinite(value))
                Counts[(int)Math.Clamp((value / Width) - (Low / Width), 0, Counts.Length - 1)]++;
        }
    }
}
