namespace CudaBn.Backends.OpArgs;

/// <summary>Softmax and cross-entropy against class labels, by log-sum-exp with the maximum subtracted. With smoothing
/// e, the target of a row is 1 - e + e / C at its label and e / C elsewhere.</summary>
/// <param name="Batch">N.</param>
/// <param name="Classes">C.</param>
/// <param name="Logits">[N, C].</param>
/// <param name="Labels">Int32 [N], each in [0, C).</param>
/// <param name="Scale">What the sum of the losses is multiplied by: 1 / N for the mean, 1 for the sum.</param>
/// <param name="LabelSmoothing">e, in [0, 1).</param>
/// <param name="Probabilities">Written for backward: [N, C].</param>
/// <param name="Loss">Written: [1] of the logits' type.</param>
/// <param name="Totals">Added to: Float64 [2], the sum of the unscaled losses and the number of rows whose first
/// greatest logit is at the label. Null for none.</param>
/// <param name="Watch">Int64 [2]: how many losses were computed, which one is added to, and the number of the first that was
/// NaN or infinite, which is set while it is 0. Null for none.</param>
public readonly record struct SoftmaxCrossEntropyForwardArgs(
    int Batch,
    int Classes,
    Tensor Logits,
    Tensor Labels,
    double Scale,
    double LabelSmoothing,
    Tensor Probabilities,
    Tensor Loss,
    Tensor? Totals,
    Tensor? Watch = null);
