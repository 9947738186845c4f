namespace CudaBn.Backends.OpArgs;

/// <summary>Convolution forward: cross-correlation, as in PyTorch.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Input">[N, InChannels, InHeight, InWidth].</param>
/// <param name="Weight">[OutChannels, InChannels, KernelHeight, KernelWidth].</param>
/// <param name="Bias">[OutChannels], or null for none.</param>
/// <param name="Output">Written: [N, OutChannels, OutHeight, OutWidth].</param>
public readonly record struct Conv2dForwardArgs(
    Conv2dGeometry Geometry, Tensor Input, Tensor Weight, Tensor? Bias, Tensor Output);
