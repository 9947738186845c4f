namespace CudaBn.Backends.OpArgs;

/// <summary>Backward of the rectifier: the gradient passes where the output is above 0 or NaN.</summary>
/// <param name="Output">What forward wrote.</param>
/// <param name="GradOutput">Of the same shape.</param>
/// <param name="GradInput">Written, of the same shape.</param>
public readonly record struct ReLUBackwardArgs(Tensor Output, Tensor GradOutput, Tensor GradInput);
