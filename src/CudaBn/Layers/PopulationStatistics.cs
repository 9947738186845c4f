using CudaBn.Backends;
using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Mean and variance of every channel over several batches, as if they were one.</summary>
internal sealed class PopulationStatistics : IDisposable
{
    private readonly Tensor _mean;
    private readonly Tensor _variance;
    private readonly Tensor _batchesTracked;
    private readonly Moments[] _moments;

    public PopulationStatistics(int channels, DType dtype, Device device)
    {
        _mean = Tensor.Zeros([channels], dtype, device);
        _variance = Tensor.Zeros([channels], dtype, device);
        _batchesTracked = Tensor.Zeros([1], DType.Int64, device);
        _moments = new Moments[channels];
    }

    /// <summary>Where the normalization of a batch leaves its biased variance, in place of the running one.</summary>
    public RunningStatistics OfBatch => new(_mean, _variance, _batchesTracked, Momentum: 1, Unbiased: false);

    /// <summary>Batches seen.</summary>
    public long Batches { get; private set; }

    /// <summary>Adds the batch that was just normalized.</summary>
    /// <param name="count">Values that a channel had in it.</param>
    /// <param name="mean">The mean that was saved for backward: Float64 [C].</param>
    public void Add(double count, Tensor mean)
    {
        var means = mean.ToArray<double>();
        var variances = _variance.ToDoubles();
        for (var channel = 0; channel < _moments.Length; channel++)
            _moments[channel] = _moments[channel].Merge(
                new Moments(count, means[channel], variances[channel] * count));
        Batches++;
    }

    /// <summary>Writes the statistics of all batches: [C] each.</summary>
    public void Store(Tensor mean, Tensor variance, bool unbiased)
    {
        mean.CopyFromDoubles(Array.ConvertAll(_moments, moments => moments.Mean));
        variance.CopyFromDoubles(Array.ConvertAll(
            _moments, moments => moments.SquaredDeviations / (unbiased ? moments.Count - 1 : moments.Count)));
    }

    public void Dispose()
    {
        _mean.Dispose();
        _variance.Dispose();
        _batchesTracked.Dispose();
    }
}
