namespace CudaBn.Backends.Cuda;

/// <summary>Where kernels leave the statistics of a batch, and the running statistics that move towards them, as
/// kernels/batch_norm.cu explains. Passed to kernels as it is.</summary>
internal readonly record struct BatchStatistics(
    nint Mean, nint InvStd, nint RunningMean, nint RunningVariance, nint BatchesTracked, double Momentum, double Epsilon,
    int IsUnbiased);
