namespace CudaBn.Backends.OpArgs;

/// <summary>Backward of batch normalization with given statistics, through which no gradient flows.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Input">What forward read: [N, C, S].</param>
/// <param name="Gamma">[C]; null for 1.</param>
/// <param name="Mean">[C].</param>
/// <param name="Variance">[C].</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="GradOutput">[N, C, S].</param>
/// <param name="GradInput">Written: [N, C, S]; null when nobody needs it.</param>
/// <param name="GradGamma">Written: [C]; null without affine parameters.</param>
/// <param name="GradBeta">Written: [C]; null without affine parameters.</param>
public readonly record struct BatchNormFrozenBackwardArgs(
    BatchNormGeometry Geometry,
    Tensor Input,
    Tensor? Gamma,
    Tensor Mean,
    Tensor Variance,
    double Epsilon,
    Tensor GradOutput,
    Tensor? GradInput,
    Tensor? GradGamma,
    Tensor? GradBeta);
