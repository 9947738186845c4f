namespace CudaBn;

/// <summary>What a <see cref="Sequential"/> runs in one go: a layer, or neighbours that have an operator of their own
/// together.</summary>
internal interface IStep
{
    /// <summary>How many layers this stands for.</summary>
    int LayerCount { get; }

    /// <summary>Whether a parameter of these layers requires a gradient.</summary>
    bool RequiresGradient { get; }

    /// <summary>Whether this does what its layers, in their modes, do to an input.</summary>
    bool Takes(Tensor input);

    /// <summary>Computes the output.</summary>
    Tensor Forward(Tensor input);

    /// <summary>Computes the gradients for the last forward pass.</summary>
    Tensor? Backward(Tensor gradOutput, bool needsInputGradient);
}
