namespace CudaBn.Backends.Cuda;

/// <summary>Where kernels find mean and deviation of a channel: saved in double, or given with the variance. Passed to kernels
/// as it is.</summary>
internal readonly record struct BatchNormStatistics(
    nint SavedMean, nint SavedInvStd, nint Mean, nint Variance, double Epsilon);
