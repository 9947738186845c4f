namespace CudaBn.Backends.OpArgs;

/// <summary>Makes a batch out of a data set of bytes: rows order[cursor], order[cursor + 1], ... are scaled to real
/// numbers, and the cursor moves on by the batch.</summary>
/// <param name="Images">UInt8 [count, elements per image].</param>
/// <param name="Labels">UInt8 [count].</param>
/// <param name="Order">Int32 [count]: in which order the rows are taken.</param>
/// <param name="Cursor">Read and advanced: Int64 [1]. It lives on the device, so that a recorded step needs no new
/// arguments.</param>
/// <param name="Divisor">What a byte is divided by, rounded once.</param>
/// <param name="Batch">Written: [N, ...], N rows of the elements of an image.</param>
/// <param name="BatchLabels">Written: Int32 [N].</param>
/// <param name="Transform">How images change on their way into a batch [N, channels, height, width], its levels in place of
/// the divisor; null where bytes are divided and nothing else.</param>
public readonly record struct GatherBatchArgs(
    Tensor Images,
    Tensor Labels,
    Tensor Order,
    Tensor Cursor,
    double Divisor,
    Tensor Batch,
    Tensor BatchLabels,
    ImageTransform? Transform = null);
