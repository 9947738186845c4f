namespace CudaBn.Backends.OpArgs;

/// <summary>Batch normalization with the statistics of the batch.</summary>
/// <param name="Geometry">The sizes; at least two values per channel.</param>
/// <param name="Input">[N, C, S].</param>
/// <param name="Gamma">[C]; null for 1.</param>
/// <param name="Beta">[C]; null for 0.</param>
/// <param name="Epsilon">Added to the biased variance.</param>
/// <param name="Running">The running statistics to update; null for none.</param>
/// <param name="Output">Written: [N, C, S].</param>
/// <param name="Mean">Written for backward: Float64 [C], whatever the input, so that a mean far from zero keeps its digits.</param>
/// <param name="InvStd">Written for backward: Float64 [C], 1 / sqrt(variance + epsilon).</param>
public readonly record struct BatchNormForwardArgs(
    BatchNormGeometry Geometry,
    Tensor Input,
    Tensor? Gamma,
    Tensor? Beta,
    double Epsilon,
    RunningStatistics? Running,
    Tensor Output,
    Tensor Mean,
    Tensor InvStd);
