namespace CudaBn.Backends.OpArgs;

/// <summary>Batch normalization with given statistics: evaluation, and training with frozen statistics.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Input">[N, C, S].</param>
/// <param name="Gamma">[C]; null for 1.</param>
/// <param name="Beta">[C]; null for 0.</param>
/// <param name="Mean">[C].</param>
/// <param name="Variance">[C].</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="Output">Written: [N, C, S].</param>
public readonly record struct BatchNormFrozenForwardArgs(
    BatchNormGeometry Geometry,
    Tensor Input,
    Tensor? Gamma,
    Tensor? Beta,
    Tensor Mean,
    Tensor Variance,
    double Epsilon,
    Tensor Output);
