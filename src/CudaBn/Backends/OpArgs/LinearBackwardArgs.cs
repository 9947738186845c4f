namespace CudaBn.Backends.OpArgs;

/// <summary>Backward of the dense layer.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Input">What forward read: [N, InFeatures].</param>
/// <param name="Weight">What forward read: [OutFeatures, InFeatures].</param>
/// <param name="GradOutput">[N, OutFeatures].</param>
/// <param name="GradInput">Written: [N, InFeatures]; null when nobody needs it.</param>
/// <param name="GradWeight">Written: [OutFeatures, InFeatures]; null when nobody needs it.</param>
/// <param name="GradBias">Written: [OutFeatures]; null where there is no bias, and when nobody needs it.</param>
public readonly record struct LinearBackwardArgs(
    LinearGeometry Geometry,
    Tensor Input,
    Tensor Weight,
    Tensor GradOutput,
    Tensor? GradInput,
    Tensor? GradWeight,
    Tensor? GradBias);
