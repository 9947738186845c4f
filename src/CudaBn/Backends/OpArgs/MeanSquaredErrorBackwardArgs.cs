namespace CudaBn.Backends.OpArgs;

/// <summary>Gradient of the squared differences by the prediction: 2 * scale * (prediction - target).</summary>
/// <param name="Prediction">What forward read.</param>
/// <param name="Target">What forward read.</param>
/// <param name="Scale">What forward multiplied by.</param>
/// <param name="GradPrediction">Written, of the same shape.</param>
public readonly record struct MeanSquaredErrorBackwardArgs(
    Tensor Prediction, Tensor Target, double Scale, Tensor GradPrediction);
