namespace CudaBn.Backends.OpArgs;

/// <summary>Backward of average pooling to a given output size.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="GradOutput">[N, C, OutDepth, OutHeight, OutWidth].</param>
/// <param name="GradInput">Written: [N, C, InDepth, InHeight, InWidth].</param>
public readonly record struct AdaptiveAvgPoolBackwardArgs(
    AdaptiveAvgPoolGeometry Geometry, Tensor GradOutput, Tensor GradInput);
