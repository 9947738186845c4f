namespace CudaBn.Backends.OpArgs;

/// <summary>One step of Adam on many parameters at once, with PyTorch's meaning of every constant.</summary>
/// <param name="Parameters">The parameters, whose values are updated from their gradients.</param>
/// <param name="FirstMoments">One tensor per parameter, read and written.</param>
/// <param name="SecondMoments">One tensor per parameter, read and written.</param>
/// <param name="Steps">Int64 [n]: how many steps parameters have made. It lives on the device, so that a recorded step
/// counts by itself.</param>
/// <param name="StepIndices">The place of each parameter in <paramref name="Steps"/>, which is added to.</param>
/// <param name="LearningRate">The step size: Float64 [1] on the device.</param>
/// <param name="LearningRateFactor">What the learning rate is multiplied by.</param>
/// <param name="GradientScale">What gradients are multiplied by: Float64 [1]; null for 1.</param>
/// <param name="Beta1">The weight of the old first moment.</param>
/// <param name="Beta2">The weight of the old second moment.</param>
/// <param name="Epsilon">Added to the root of the corrected second moment.</param>
/// <param name="WeightDecay">The weight of the decay.</param>
/// <param name="DecouplesWeightDecay">Whether the value shrinks by the learning rate times the decay, as in AdamW; else
/// the decay times the value is added to the gradient.</param>
/// <param name="Watch">Int64 [2]: nothing is changed while its second element, which a loss that is not finite sets, is not 0.
/// Null to update whatever the loss.</param>
public readonly record struct AdamArgs(
    IReadOnlyList<Parameter> Parameters,
    IReadOnlyList<Tensor> FirstMoments,
    IReadOnlyList<Tensor> SecondMoments,
    Tensor Steps,
    IReadOnlyList<int> StepIndices,
    Tensor LearningRate,
    double LearningRateFactor,
    Tensor? GradientScale,
    double Beta1,
    double Beta2,
    double Epsilon,
    double WeightDecay,
    bool DecouplesWeightDecay,
    Tensor? Watch = null);
