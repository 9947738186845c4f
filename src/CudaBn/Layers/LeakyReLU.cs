using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Leaky rectifier: x where x > 0, else the negative slope times x. The gradient at 0 is the negative
/// slope.</summary>
/// <remarks>Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013.</remarks>
public sealed class LeakyReLU : Activation
{
    /// <summary>Makes the layer.</summary>
    /// <param name="negativeSlope">The slope below 0; finite.</param>
    /// <exception cref="ArgumentException">The slope is not finite.</exception>
    public LeakyReLU(double negativeSlope = 0.01)
        : base(ActivationKind.LeakyReLU, RequireFinite(negativeSlope)) => NegativeSlope = negativeSlope;

    /// <summary>The slope below 0.</summary>
    public double NegativeSlope { get; }

    private protected override void RequireRepresentable(DType dtype)
    {
        if (double.IsInfinity(dtype.Round(NegativeSlope)))
            throw new ArgumentException($"{Label}: negative slope {NegativeSlope} is no {dtype}.");
    }

    /// <inheritdoc/>
    protected internal override string Kind => "leakyrelu";

    internal override Layer Copy() => new LeakyReLU(NegativeSlope) { IsTraining = IsTraining };

    private static double RequireFinite(double slope) => double.IsFinite(slope)
        ? slope
        : throw new ArgumentException($"LeakyReLU: negative slope {slope} must be finite.");
}
