using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Sigmoid linear unit, also called swish: x * sigmoid(x). At minus infinity it is 0, its limit there.</summary>
/// <remarks>Elfwing, Uchibe and Doya, "Sigmoid-Weighted Linear Units for Neural Network Function Approximation in
/// Reinforcement Learning", 2017; Ramachandran, Zoph and Le, "Searching for Activation Functions", 2017.</remarks>
public sealed class SiLU : Activation
{
    /// <summary>Makes the layer.</summary>
    public SiLU()
        : base(ActivationKind.Silu)
    {
    }

    /// <inheritdoc/>
    protected internal override string Kind => "silu";

    internal override Layer Copy() => new SiLU { IsTraining = IsTraining };
}
