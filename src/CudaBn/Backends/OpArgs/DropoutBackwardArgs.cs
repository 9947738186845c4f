namespace CudaBn.Backends.OpArgs;

/// <summary>Backward of dropout: the gradient goes through the mask of the last forward pass, which is made again, not
/// kept.</summary>
/// <param name="Mask">What forward was given.</param>
/// <param name="GradOutput">Any shape.</param>
/// <param name="GradInput">Written, of the same shape.</param>
public readonly record struct DropoutBackwardArgs(DropoutMask Mask, Tensor GradOutput, Tensor GradInput);
