namespace CudaBn.Backends.OpArgs;

/// <summary>A function of every element.</summary>
/// <param name="Kind">Which.</param>
/// <param name="NegativeSlope">The slope of <see cref="ActivationKind.LeakyReLU"/> below 0; the others have no use for
/// it.</param>
/// <param name="Input">Any shape.</param>
/// <param name="Output">Written, of the input's shape.</param>
public readonly record struct ActivationForwardArgs(
    ActivationKind Kind, double NegativeSlope, Tensor Input, Tensor Output);
