namespace CudaBn.Backends;

/// <summary>Count, mean and sum of squared deviations of some values; two of them merge into that of all
/// values.</summary>
/// <remarks>What merges the statistics of slices of a channel, of batches, and of devices that share a batch. Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
/// 1979.</remarks>
internal readonly record struct Moments(double Count, double Mean, double SquaredDeviations)
{
    /// <summary>The moments of the values of both.</summary>
    public Moments Merge(Moments other)
    {
        if (Count == 0)
            return other;
        if (other.Count == 0)
            return this;
        var count = Count + other.Count;
        var delta = other.Mean - Mean;
        return new Moments(
            count,
            Mean + delta * (other.Count / count),
            SquaredDeviations + other.SquaredDeviations + delta * delta * (Count * other.Count / count));
    }
}
