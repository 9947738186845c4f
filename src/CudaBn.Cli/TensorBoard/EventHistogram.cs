namespace CudaBn.Cli;

/// <summary>How numbers are distributed, in buckets of one width from the least to the greatest.</summary>
/// <param name="Least">The least number.</param>
/// <param name="Greatest">The greatest number.</param>
/// <param name="Count">How many numbers there are.</param>
/// <param name="Sum">Their sum.</param>
/// <param name="SumOfSquares">The sum of their squares.</param>
/// <param name="Limits">The upper end of each bucket, in rising order.</param>
/// <param name="Buckets">How many numbers are in each.</param>
internal sealed record EventHistogram(
    double Least, double Greatest, long Count, double Sum, double SumOfSquares, double[] Limits, double[] Buckets)
{
    private const int BucketCount = 40;

    /// <summary>The histogram of those numbers that are finite; null where none is.</summary>
    public static EventHistogram? Of(double[] values)
    {
        var finite = Array.TrueForAll(values, double.IsFinite) ? values : Array.FindAll(values, double.IsFinite);
        if (finite.Length == 0)
            return null;

        var (least, greatest, sum, squares) = (finite[0], finite[0], 0.0, 0.0);
        foreach (var value in finite)
        {
            (least, greatest) = (Math.Min(least, value), Math.Max(greatest, value));
            sum += value;
            squares += value * value;
        }

        // Numbers that are all one have one bucket, which still needs a width to be drawn.
        var width = greatest > least ? (greatest - least) / BucketCount : 0;
        var buckets = new double[width > 0 ? BucketCount : 1];
        foreach (var value in finite)
            buckets[width > 0 ? Math.Min(BucketCount - 1, (int)((value - least) / width)) : 0]++;
        var limits = buckets.Select((_, i) => least + ((i + 1) * width)).ToArray();
        limits[^1] = greatest;
        return new EventHistogram(least, greatest, finite.Length, sum, squares, limits, buckets);
    }
}
