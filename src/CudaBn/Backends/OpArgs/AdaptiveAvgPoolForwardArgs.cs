namespace CudaBn.Backends.OpArgs;

/// <summary>Average pooling to a given output size.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Input">[N, C, InDepth, InHeight, InWidth].</param>
/// <param name="Output">Written: [N, C, OutDepth, OutHeight, OutWidth].</param>
public readonly record struct AdaptiveAvgPoolForwardArgs(
    AdaptiveAvgPoolGeometry Geometry, Tensor Input, Tensor Output);
