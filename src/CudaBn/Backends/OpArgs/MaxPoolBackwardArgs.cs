namespace CudaBn.Backends.OpArgs;

/// <summary>Backward of max-pooling: every gradient goes to the place that won, and overlapping windows add
/// up.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="ArgMax">What forward saved.</param>
/// <param name="GradOutput">[N, C, OutDepth, OutHeight, OutWidth].</param>
/// <param name="GradInput">Written: [N, C, InDepth, InHeight, InWidth].</param>
public readonly record struct MaxPoolBackwardArgs(
    PoolGeometry Geometry, Tensor ArgMax, Tensor GradOutput, Tensor GradInput);
