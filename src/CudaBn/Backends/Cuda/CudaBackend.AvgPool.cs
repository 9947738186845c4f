using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    internal static readonly KernelFile AvgPoolFile = new("avg_pool.cu");

    /// <inheritdoc/>
    public override void AvgPoolForward(in AvgPoolForwardArgs args)
    {
        using var scope = Enter();
        var geometry = args.Geometry.SlicesAsPlanes;
        Kernel(AvgPoolFile, "avg_pool_forward", args.Input.DType).Launch(
            BlocksFor(args.Output.ElementCount, 4 * PoolThreads), PoolThreads,
            [
                KernelArgument.Struct(&geometry), args.Divisor.CountsPadding ? 1 : 0, args.Divisor.Override, args.Input,
                args.Output,
            ]);
    }

    /// <inheritdoc/>
    public override void AvgPoolBackward(in AvgPoolBackwardArgs args)
    {
        using var scope = Enter();
        var geometry = args.Geometry.SlicesAsPlanes;
        Kernel(AvgPoolFile, "avg_pool_backward", args.GradOutput.DType).Launch(
            BlocksFor(args.GradInput.ElementCount, 4 * PoolThreads), PoolThreads,
            [
                KernelArgument.Struct(&geometry), args.Divisor.CountsPadding ? 1 : 0, args.Divisor.Override,
                args.GradOutput, args.GradInput,
            ]);
    }
}
