namespace CudaBn.Backends.OpArgs;

/// <summary>The sum of the squared differences of two tensors.</summary>
/// <param name="Prediction">Any shape.</param>
/// <param name="Target">Of the same shape.</param>
/// <param name="Scale">What the sum is multiplied by: 1 / elements for the mean, 1 for the sum.</param>
/// <param name="Loss">Written: [1] of the prediction's type.</param>
public readonly record struct MeanSquaredErrorForwardArgs(
    Tensor Prediction, Tensor Target, double Scale, Tensor Loss);
