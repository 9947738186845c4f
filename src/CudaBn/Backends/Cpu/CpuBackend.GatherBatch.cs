using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void GatherBatch(in GatherBatchArgs args)
    {
        lock (_gate)
            For(args.Batch.DType).GatherBatch(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void GatherBatch(in GatherBatchArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void GatherBatch(in GatherBatchArgs args)
    {
        var cursor = (long*)args.Cursor.Address;
        var rows = args.Batch.Shape[0];
        var scaled = stackalloc T[256];
        for (var level = 0; level < 256; level++)
            scaled[level] = T.CreateTruncating(level / args.Divisor);

        var job = new GatherJob(
            (byte*)args.Images.Address, (byte*)args.Labels.Address, (int*)args.Order.Address + *cursor, scaled,
            Data(args.Batch), (int*)args.BatchLabels.Address, rows, args.Batch.ElementCount / rows);
        _pool.Run(ref job, CeilDiv(rows, GatherJob.RowsPerChunk));
        *cursor += rows;
    }

    private readonly struct GatherJob(
        byte* images, byte* labels, int* order, T* scaled, T* batch, int* batchLabels, int rows, long elements)
        : IChunkJob
    {
        public const int RowsPerChunk = 16;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int chunk, int worker)
        {
            var end = Math.Min((chunk + 1) * RowsPerChunk, rows);
            for (var row = chunk * RowsPerChunk; row < end; row++)
            {
                var source = images + order[row] * elements;
                var destination = batch + row * elements;
                for (long i = 0; i < elements; i++)
                    destination[i] = scaled[source[i]];
                batchLabels[row] = labels[order[row]];
            }
        }
    }
}
