namespace CudaBn.Backends.OpArgs;

/// <summary>Average pooling. Padding adds nothing to the sum of a window.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Divisor">What sums are divided by.</param>
/// <param name="Input">[N, C, InDepth, InHeight, InWidth].</param>
/// <param name="Output">Written: [N, C, OutDepth, OutHeight, OutWidth].</param>
public readonly record struct AvgPoolForwardArgs(
    PoolGeometry Geometry, AvgPoolDivisor Divisor, Tensor Input, Tensor Output);
