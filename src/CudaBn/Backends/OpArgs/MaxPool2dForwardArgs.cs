namespace CudaBn.Backends.OpArgs;

/// <summary>Max-pooling. The first maximum in row-major window order wins a tie, NaN wins over numbers, padding
/// never wins.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Input">[N, C, InHeight, InWidth].</param>
/// <param name="Output">Written: [N, C, OutHeight, OutWidth].</param>
/// <param name="ArgMax">Written for backward: of the output's shape and type
/// <see cref="MaxPool2dGeometry.ArgMaxType"/>, the place y * WindowWidth + x inside the window that won.</param>
public readonly record struct MaxPool2dForwardArgs(
    MaxPool2dGeometry Geometry, Tensor Input, Tensor Output, Tensor ArgMax);
