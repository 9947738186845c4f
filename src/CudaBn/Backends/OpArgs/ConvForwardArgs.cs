namespace CudaBn.Backends.OpArgs;

/// <summary>Convolution forward: cross-correlation, as in PyTorch.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Input">[N, InChannels, InDepth, InHeight, InWidth]; without axes that the layer does not have.</param>
/// <param name="Weight">[OutChannels, InChannels / Groups, KernelDepth, KernelHeight, KernelWidth]; likewise.</param>
/// <param name="Bias">[OutChannels], or null for none.</param>
/// <param name="Output">Written: [N, OutChannels, OutDepth, OutHeight, OutWidth].</param>
public readonly record struct ConvForwardArgs(
    ConvGeometry Geometry, Tensor Input, Tensor Weight, Tensor? Bias, Tensor Output);
