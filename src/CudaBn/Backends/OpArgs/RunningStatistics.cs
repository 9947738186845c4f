namespace CudaBn.Backends.OpArgs;

/// <summary>The statistics of batch normalization that training accumulates and evaluation uses.</summary>
/// <param name="Mean">Read and written: [C].</param>
/// <param name="Variance">Read and written: [C].</param>
/// <param name="BatchesTracked">Read and written: Int64 [1], the number of batches seen, counted on the device.</param>
/// <param name="Momentum">The weight of the new batch; null for the cumulative average, 1 / batches seen.</param>
/// <param name="Unbiased">Whether the variance stored is that of a sample, v * M / (M - 1), as in PyTorch; else v
/// itself, as in ONNX and MXNet.</param>
public readonly record struct RunningStatistics(
    Tensor Mean, Tensor Variance, Tensor BatchesTracked, double? Momentum, bool Unbiased);
