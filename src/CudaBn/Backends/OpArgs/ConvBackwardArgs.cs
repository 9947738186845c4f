namespace CudaBn.Backends.OpArgs;

/// <summary>Convolution backward.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Input">What forward read: [N, InChannels, InDepth, InHeight, InWidth].</param>
/// <param name="Weight">What forward read: [OutChannels, InChannels / Groups, KernelDepth, KernelHeight,
/// KernelWidth].</param>
/// <param name="GradOutput">[N, OutChannels, OutDepth, OutHeight, OutWidth].</param>
/// <param name="GradInput">Written, of the input's shape; null when nobody needs it.</param>
/// <param name="GradWeight">Written, of the weight's shape; null when nobody needs it.</param>
/// <param name="GradBias">Written, [OutChannels]; null where there is no bias, and where
/// <paramref name="GradWeight"/> is.</param>
public readonly record struct ConvBackwardArgs(
    ConvGeometry Geometry,
    Tensor Input,
    Tensor Weight,
    Tensor GradOutput,
    Tensor? GradInput,
    Tensor? GradWeight,
    Tensor? GradBias);
