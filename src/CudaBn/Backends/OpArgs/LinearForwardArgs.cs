namespace CudaBn.Backends.OpArgs;

/// <summary>Dense layer: y = x * transpose(w) + b.</summary>
/// <param name="Geometry">The sizes.</param>
/// <param name="Input">[N, InFeatures].</param>
/// <param name="Weight">[OutFeatures, InFeatures].</param>
/// <param name="Bias">[OutFeatures], or null for none.</param>
/// <param name="Output">Written: [N, OutFeatures].</param>
public readonly record struct LinearForwardArgs(
    LinearGeometry Geometry, Tensor Input, Tensor Weight, Tensor? Bias, Tensor Output);
