using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    internal static readonly KernelFile AdaptiveAvgPoolFile = new("adaptive_avg_pool.cu");

    /// <inheritdoc/>
    public override void AdaptiveAvgPoolForward(in AdaptiveAvgPoolForwardArgs args)
    {
        using var scope = Enter();
        var geometry = args.Geometry;
        Kernel(AdaptiveAvgPoolFile, "adaptive_avg_pool_forward", args.Input.DType).Launch(
            BlocksFor(args.Output.ElementCount, 4 * PoolThreads), PoolThreads,
            [KernelArgument.Struct(&geometry), args.Input, args.Output]);
    }

    /// <inheritdoc/>
    public override void AdaptiveAvgPoolBackward(in AdaptiveAvgPoolBackwardArgs args)
    {
        using var scope = Enter();
        var geometry = args.Geometry;
        Kernel(AdaptiveAvgPoolFile, "adaptive_avg_pool_backward", args.GradOutput.DType).Launch(
            BlocksFor(args.GradInput.ElementCount, 4 * PoolThreads), PoolThreads,
            [KernelArgument.Struct(&geometry), args.GradOutput, args.GradInput]);
    }
}
