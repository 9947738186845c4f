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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void GatherBatch(in GatherBatchArgs args)
    {
        var cursor = (long*)args.Cursor.Address;
        var rows = args.Batch.Shape[0];
        var elements = args.Batch.ElementCount / rows;
        var order = (int*)args.Order.Address + *cursor;
        byte* images = (byte*)args.Images.Address, labels = (byte*)args.Labels.Address;
        var batch = Data(args.Batch);
        var batchLabels = (int*)args.BatchLabels.Address;
        var scaled = stackalloc T[256];
        for (var level = 0; level < 256; level++)
            scaled[level] = T.CreateTruncating(level / args.Divisor);

        for (var row = 0; row < rows; row++)
        {
            var source = images + order[row] * elements;
            var destination = batch + row * elements;
            for (long i = 0; i < elements; i++)
                destination[i] = scaled[source[i]];
            batchLabels[row] = labels[order[row]];
        }

        *cursor += rows;
    }
}
