namespace CudaBn.Backends.OpArgs;

/// <summary>Backward of batch normalization, rectifier and max-pooling in one: the sums run over the inputs that won
/// only, a quarter of all.</summary>
/// <param name="Geometry">The sizes of the normalization.</param>
/// <param name="Pool">The sizes of the pooling.</param>
/// <param name="Input">What forward read: [N, C, InHeight, InWidth].</param>
/// <param name="Gamma">[C]; null for 1.</param>
/// <param name="Beta">[C]; null for 0.</param>
/// <param name="Mean">What forward saved: Float64 [C].</param>
/// <param name="InvStd">What forward saved: Float64 [C].</param>
/// <param name="ArgMax">What forward saved.</param>
/// <param name="Winners">What forward saved.</param>
/// <param name="GradOutput">[N, C, OutHeight, OutWidth].</param>
/// <param name="GradInput">Written: [N, C, InHeight, InWidth]; null when nobody needs it.</param>
/// <param name="GradGamma">Written: [C]; null without affine parameters.</param>
/// <param name="GradBeta">Written: [C]; null without affine parameters.</param>
public readonly record struct BatchNormReLUMaxPoolBackwardArgs(
    BatchNormGeometry Geometry,
    PoolGeometry Pool,
    Tensor Input,
    Tensor? Gamma,
    Tensor? Beta,
    Tensor Mean,
    Tensor InvStd,
    Tensor ArgMax,
    Tensor Winners,
    Tensor GradOutput,
    Tensor? GradInput,
    Tensor? GradGamma,
    Tensor? GradBeta)
{
    /// <summary>The sizes of the inputs that won: a normalization and a rectifier of these alone has the same sums over
    /// its gradients, as no gradient arrives elsewhere.</summary>
    internal BatchNormGeometry WinnersGeometry =>
        new(Geometry.Batch, Geometry.Channels, (long)Pool.OutHeight * Pool.OutWidth);
}
