namespace CudaBn.Backends.OpArgs;

/// <summary>Backward of a function of every element: the gradient times the derivative at the input. The derivative is
/// taken at the input, not worked out from the output: where the output saturates, as tanh does at 1, it has no digits
/// left for it.</summary>
/// <param name="Kind">Which.</param>
/// <param name="NegativeSlope">As in forward.</param>
/// <param name="Input">What forward read.</param>
/// <param name="GradOutput">Of the same shape.</param>
/// <param name="GradInput">Written, of the same shape.</param>
public readonly record struct ActivationBackwardArgs(
    ActivationKind Kind, double NegativeSlope, Tensor Input, Tensor GradOutput, Tensor GradInput);
