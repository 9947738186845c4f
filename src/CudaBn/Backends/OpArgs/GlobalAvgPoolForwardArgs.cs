namespace CudaBn.Backends.OpArgs;

/// <summary>The mean of every channel of every sample.</summary>
/// <param name="Planes">N * C.</param>
/// <param name="PlaneSize">Elements of a channel of a sample: the product of the spatial sizes.</param>
/// <param name="Input">[N, C, ...spatial].</param>
/// <param name="Output">Written: N * C elements.</param>
public readonly record struct GlobalAvgPoolForwardArgs(long Planes, long PlaneSize, Tensor Input, Tensor Output);
