namespace CudaBn.Backends.OpArgs;

/// <summary>Backward of average pooling: every input gets the gradients of the windows that cover it, each divided as the
/// window's sum was.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Divisor">What sums were divided by.</param>
/// <param name="GradOutput">[N, C, OutDepth, OutHeight, OutWidth].</param>
/// <param name="GradInput">Written: [N, C, InDepth, InHeight, InWidth].</param>
public readonly record struct AvgPoolBackwardArgs(
    PoolGeometry Geometry, AvgPoolDivisor Divisor, Tensor GradOutput, Tensor GradInput);
