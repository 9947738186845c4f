namespace CudaBn.Backends.OpArgs;

/// <summary>Gradient of softmax and cross-entropy: (probabilities - targets) * scale, the targets being one-hot
/// labels, smoothed as in forward.</summary>
/// <param name="Batch">N.</param>
/// <param name="Classes">C.</param>
/// <param name="Probabilities">What forward saved: [N, C].</param>
/// <param name="Labels">What forward read: Int32 [N].</param>
/// <param name="Scale">What forward multiplied by.</param>
/// <param name="LabelSmoothing">What forward was given.</param>
/// <param name="GradLogits">Written: [N, C].</param>
public readonly record struct SoftmaxCrossEntropyBackwardArgs(
    int Batch,
    int Classes,
    Tensor Probabilities,
    Tensor Labels,
    double Scale,
    double LabelSmoothing,
    Tensor GradLogits);
