namespace CudaBn.Backends.OpArgs;

/// <summary>Max-pooling. The first maximum in row-major window order wins a tie, NaN wins over numbers, padding
/// never wins.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Input">[N, C, InDepth, InHeight, InWidth].</param>
/// <param name="Output">Written: [N, C, OutDepth, OutHeight, OutWidth].</param>
/// <param name="ArgMax">Written for backward: of the output's shape and type <see cref="PoolGeometry.ArgMaxType"/>, the
/// place (z * WindowHeight + y) * WindowWidth + x inside the window that won.</param>
public readonly record struct MaxPoolForwardArgs(
    PoolGeometry Geometry, Tensor Input, Tensor Output, Tensor ArgMax);
