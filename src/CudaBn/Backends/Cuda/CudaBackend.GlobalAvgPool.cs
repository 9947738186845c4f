using System.Numerics;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    // Planes are cut into parts where there are too few of them to keep a GPU busy.
    private const long BusyParts = 1024;
    private const long SmallestPart = 16 * 1024;

    internal static readonly KernelFile GlobalAvgPoolFile = new("global_avg_pool.cu");

    /// <inheritdoc/>
    public override void GlobalAvgPoolForward(in GlobalAvgPoolForwardArgs args)
    {
        using var scope = Enter();
        long planes = args.Planes, size = args.PlaneSize;
        // Of the sizes alone, so that the same input gives the same bits on every device.
        var parts = Math.Clamp(BusyParts / planes, 1, (size + SmallestPart - 1) / SmallestPart);
        var partSize = (size + parts - 1) / parts;
        // Four elements at least for every thread.
        var lanes = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp((partSize + 3) / 4, 1, PoolThreads));
        var sums = parts == 1 ? 0 : Scratch(planes * parts * sizeof(double));
        var dtype = args.Input.DType;
        Kernel(GlobalAvgPoolFile, "global_avg_pool_forward", dtype).Launch(
            BlocksFor(planes * parts, PoolThreads / lanes), PoolThreads,
            [args.Input, planes, size, parts, partSize, lanes, args.Output, sums]);
        if (parts > 1)
            Kernel(GlobalAvgPoolFile, "global_avg_pool_merge", dtype).Launch(
                BlocksFor(planes, PoolThreads), PoolThreads, [sums, planes, parts, size, args.Output]);
    }

    /// <inheritdoc/>
    public override void GlobalAvgPoolBackward(in GlobalAvgPoolBackwardArgs args)
    {
        using var scope = Enter();
        Kernel(GlobalAvgPoolFile, "global_avg_pool_backward", args.GradOutput.DType).Launch(
            BlocksFor(args.GradInput.ElementCount, 4 * PoolThreads), PoolThreads,
            [args.GradOutput, args.Planes, args.PlaneSize, args.GradInput]);
    }
}
