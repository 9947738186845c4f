using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>The hyperbolic tangent.</summary>
public sealed class Tanh : Activation
{
    /// <summary>Makes the layer.</summary>
    public Tanh()
        : base(ActivationKind.Tanh)
    {
    }

    /// <inheritdoc/>
    protected internal override string Kind => "tanh";

    internal override Layer Copy() => new Tanh { IsTraining = IsTraining };
}
