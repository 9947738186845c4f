namespace CudaBn.Backends.Cuda;

/// <summary>Where kernels leave the sums of the channels and the gradients of gamma and beta, as kernels/batch_norm.cuh
/// explains. Passed to kernels as it is.</summary>
internal readonly record struct ChannelGradients(nint Sums, nint GradGamma, nint GradBeta);
