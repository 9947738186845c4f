using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int GatherThreads = 256;

    internal static readonly KernelFile GatherBatchFile = new("gather_batch.cu");

    /// <inheritdoc/>
    public override void GatherBatch(in GatherBatchArgs args)
    {
        using var scope = Enter();
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
}
