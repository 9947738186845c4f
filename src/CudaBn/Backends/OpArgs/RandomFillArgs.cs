namespace CudaBn.Backends.OpArgs;

/// <summary>Fills a tensor from the counter-based generator: element i depends on seed, stream and i alone.</summary>
/// <param name="Destination">Written: Float32 or Float64.</param>
/// <param name="Seed">Which sequence of streams.</param>
/// <param name="Stream">Which stream of it: one for every tensor that is filled.</param>
/// <param name="First">The lower bound of the uniform, the mean of the normal distribution.</param>
/// <param name="Second">The upper bound of the uniform, the standard deviation of the normal distribution.</param>
public readonly record struct RandomFillArgs(
    Tensor Destination, ulong Seed, uint Stream, double First, double Second);
