using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int GatherThreads = 256;

    // As IMAGE_TILE in gather_batch.cu.
    private const int GatherTile = 2048;

    internal static readonly KernelFile GatherBatchFile = new("gather_batch.cu");

    /// <inheritdoc/>
    public override void GatherBatch(in GatherBatchArgs args)
    {
        using var scope = Enter();
        if (args.Transform is { } transform)
        {
            GatherTransformed(in args, in transform);
            return;
        }

        var rows = args.Batch.Shape[0];
        var width = checked((int)(args.Batch.ElementCount / rows));
        var inQuads = width % 4 == 0 && IsAligned(args.Images, 4) && IsAligned(args.Batch, 4);
        var (kernel, loadsPerRow) = inQuads ? ("gather_batch_quads", width / 4) : ("gather_batch", width);
        Kernel(GatherBatchFile, kernel, args.Batch.DType).Launch(
            BlocksFor((long)rows * loadsPerRow, 2 * GatherThreads), GatherThreads,
            [
                args.Images, args.Labels, args.Order, args.Cursor, args.Divisor, rows, loadsPerRow, args.Batch,
                args.BatchLabels, Counters(1),
            ]);
    }

    private void GatherTransformed(in GatherBatchArgs args, in ImageTransform transform)
    {
        var (rows, channels, height, width) = (
            args.Batch.Shape[0], args.Batch.Shape[1], args.Batch.Shape[2], args.Batch.Shape[3]);
        var tilesPerRow = (checked(channels * height * width) + GatherTile - 1L) / GatherTile;
        Kernel(GatherBatchFile, "gather_batch_transformed", args.Batch.DType).Launch(
            BlocksFor(rows * tilesPerRow, 1), GatherThreads,
            [
                args.Images, args.Labels, args.Order, args.Cursor, transform.Epoch, transform.Levels, transform.Seed,
                transform.CropPadding, transform.HorizontalFlip ? 1 : 0, rows, channels, height, width, args.Batch,
                args.BatchLabels, Counters(1),
            ]);
    }
}
