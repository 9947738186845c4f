using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>The logistic function: 1 / (1 + exp(-x)).</summary>
public sealed class Sigmoid : Activation
{
    /// <summary>Makes the layer.</summary>
    public Sigmoid()
        : base(ActivationKind.Sigmoid)
    {
    }

    /// <inheritdoc/>
    protected internal override string Kind => "sigmoid";

    internal override Layer Copy() => new Sigmoid { IsTraining = IsTraining };
}
