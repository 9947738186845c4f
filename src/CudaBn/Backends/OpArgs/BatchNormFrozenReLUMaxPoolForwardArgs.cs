namespace CudaBn.Backends.OpArgs;

/// <summary>Batch normalization with given statistics, rectifier and max-pooling in one sweep, equal to the three one after
/// the other: what evaluation runs.</summary>
/// <param name="Geometry">The sizes of the normalization.</param>
/// <param name="Pool">The sizes of the pooling: windows of 2 x 2 side by side that cover the input exactly.</param>
/// <param name="Input">[N, C, InHeight, InWidth].</param>
/// <param name="Gamma">[C]; null for 1.</param>
/// <param name="Beta">[C]; null for 0.</param>
/// <param name="Mean">[C].</param>
/// <param name="Variance">[C].</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="Output">Written: [N, C, OutHeight, OutWidth].</param>
public readonly record struct BatchNormFrozenReLUMaxPoolForwardArgs(
    BatchNormGeometry Geometry,
    PoolGeometry Pool,
    Tensor Input,
    Tensor? Gamma,
    Tensor? Beta,
    Tensor Mean,
    Tensor Variance,
    double Epsilon,
    Tensor Output);
