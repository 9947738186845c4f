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
        var kernel = StrideOf3x3(geometry) switch
        {
            1 => "avg_pool_forward_3x3_stride_1",
            2 => "avg_pool_forward_3x3_stride_2",
            _ => "avg_pool_forward",
        };
        Kernel(AvgPoolFile, kernel, args.Input.DType).Launch(
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
        var stride = StrideOf3x3(geometry);
        var (kernel, threadsOfWork) = stride switch
        {
            1 => ("avg_pool_backward_3x3_stride_1", Patches(geometry, stride)),
            2 => ("avg_pool_backward_3x3_stride_2", Patches(geometry, stride)),
            _ => ("avg_pool_backward", args.GradInput.ElementCount),
        };
        Kernel(AvgPoolFile, kernel, args.GradOutput.DType).Launch(
            BlocksFor(threadsOfWork, 4 * PoolThreads), PoolThreads,
            [
                KernelArgument.Struct(&geometry), args.Divisor.CountsPadding ? 1 : 0, args.Divisor.Override,
                args.GradOutput, args.GradInput,
            ]);
    }
}
