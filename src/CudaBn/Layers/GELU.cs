using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Gaussian error linear unit: x * Phi(x), Phi being the distribution function of the normal distribution. At
/// minus infinity it is 0, its limit there.</summary>
/// <remarks>Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016. The approximation is
/// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))). Both keep their relative precision where x is far below 0,
/// where 1 + erf and 1 + tanh would have no digits left.</remarks>
public sealed class GELU : Activation
{
    /// <summary>Makes the layer.</summary>
    /// <param name="tanhApproximation">Whether to take the approximation by tanh, as models trained with it need; else
    /// the exact function.</param>
    public GELU(bool tanhApproximation = false)
        : base(tanhApproximation ? ActivationKind.GeluTanh : ActivationKind.Gelu) =>
        IsTanhApproximation = tanhApproximation;

    /// <summary>Whether this is the approximation by tanh.</summary>
    public bool IsTanhApproximation { get; }

    /// <inheritdoc/>
    protected internal override string Kind => "gelu";

    internal override Layer Copy() => new GELU(IsTanhApproximation) { IsTraining = IsTraining };
}
