namespace CudaBn.Backends.OpArgs;

/// <summary>One step of stochastic gradient descent on many parameters at once, with PyTorch's meaning of every
/// constant.</summary>
/// <param name="Parameters">The parameters, whose values are updated from their gradients.</param>
/// <param name="MomentumBuffers">One tensor per parameter, read and written; empty without momentum.</param>
/// <param name="FirstStep">Whether the buffers hold nothing yet, so that they start as the gradients.</param>
/// <param name="LearningRate">The step size: Float64 [1]. It lives on the device, so that a recorded step follows a
/// schedule.</param>
/// <param name="LearningRateFactor">What the learning rate is multiplied by.</param>
/// <param name="GradientScale">What gradients are multiplied by: Float64 [1]; null for 1.</param>
/// <param name="Momentum">The weight of the buffer.</param>
/// <param name="Dampening">What is taken off the weight of the gradient in the buffer.</param>
/// <param name="WeightDecay">The weight of the value that is added to its gradient.</param>
/// <param name="Nesterov">Whether the step looks ahead along the momentum.</param>
/// <param name="Watch">Int64 [2]: nothing is changed while its second element, which a loss that is not finite sets, is not 0.
/// Null to update whatever the loss.</param>
public readonly record struct SgdArgs(
    IReadOnlyList<Parameter> Parameters,
    IReadOnlyList<Tensor> MomentumBuffers,
    bool FirstStep,
    Tensor LearningRate,
    double LearningRateFactor,
    Tensor? GradientScale,
    double Momentum,
    double Dampening,
    double WeightDecay,
    bool Nesterov,
    Tensor? Watch = null);
