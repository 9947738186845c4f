namespace CudaBn;

/// <summary>Runs the steps of a <see cref="Sequential"/> in its place, as to time them.</summary>
internal interface IStepWatch
{
    /// <summary>Runs the forward pass of a step.</summary>
    /// <param name="container">Whose step it is.</param>
    /// <param name="firstLayer">The index of its first layer there.</param>
    /// <param name="step">The step.</param>
    /// <param name="input">Its input.</param>
    /// <returns>Its output.</returns>
    Tensor Forward(Sequential container, int firstLayer, IStep step, Tensor input);

    /// <summary>Runs the backward pass of a step.</summary>
    Tensor? Backward(IStep step, Tensor gradOutput, bool needsInputGradient);
}
