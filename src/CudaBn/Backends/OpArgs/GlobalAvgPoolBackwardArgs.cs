namespace CudaBn.Backends.OpArgs;

/// <summary>Backward of the mean of every channel of every sample.</summary>
/// <param name="Planes">N * C.</param>
/// <param name="PlaneSize">Elements of a channel of a sample: the product of the spatial sizes.</param>
/// <param name="GradOutput">N * C elements.</param>
/// <param name="GradInput">Written: [N, C, ...spatial].</param>
public readonly record struct GlobalAvgPoolBackwardArgs(
    long Planes, long PlaneSize, Tensor GradOutput, Tensor GradInput);
