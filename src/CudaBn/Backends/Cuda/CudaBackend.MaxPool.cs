using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int PoolThreads = 256;

    internal static readonly KernelFile MaxPoolFile = new("max_pool.cu");

    /// <inheritdoc/>
    public override void MaxPoolForward(in MaxPoolForwardArgs args)
    {
        using var scope = Enter();
        var geometry = args.Geometry.SlicesAsPlanes;
        // A thread takes two elements with one load.
        var inPairs = geometry.IsPairs && geometry.InWidth % 2 == 0 && IsAligned(args.Input, 2);
        var kernel = StrideOf3x3(geometry) switch
        {
            1 => "max_pool_forward_3x3_stride_1",
            2 => "max_pool_forward_3x3_stride_2",
            _ when inPairs => "max_pool_pairs_forward",
            _ => geometry.ArgMaxType == DType.UInt8 ? "max_pool_forward_uint8" : "max_pool_forward_int32",
        };
        Kernel(MaxPoolFile, kernel, args.Input.DType).Launch(
            BlocksFor(args.Output.ElementCount, 4 * PoolThreads), PoolThreads,
            [KernelArgument.Struct(&geometry), args.Input, args.Output, args.ArgMax]);
    }

    /// <inheritdoc/>
    public override void MaxPoolBackward(in MaxPoolBackwardArgs args)
    {
        using var scope = Enter();
        var geometry = args.Geometry.SlicesAsPlanes;
        var inPairs = geometry.IsPairsOnly && IsAligned(args.GradInput, 2);
        var stride = StrideOf3x3(geometry);
        var (kernel, threadsOfWork) = stride switch
        {
            1 => ("max_pool_backward_3x3_stride_1", Patches(geometry, stride)),
            2 => ("max_pool_backward_3x3_stride_2", Patches(geometry, stride)),
            _ when inPairs => ("max_pool_pairs_backward", args.GradOutput.ElementCount),
            _ => (geometry.ArgMaxType == DType.UInt8 ? "max_pool_backward_uint8" : "max_pool_backward_int32",
                args.GradInput.ElementCount),
        };
        Kernel(MaxPoolFile, kernel, args.GradOutput.DType).Launch(
            BlocksFor(threadsOfWork, 4 * PoolThreads), PoolThreads,
            [KernelArgument.Struct(&geometry), args.ArgMax, args.GradOutput, args.GradInput]);
    }

    /// <summary>The step of windows of 3 x 3 in images that kernels are compiled for; 0 of others.</summary>
    private static int StrideOf3x3(PoolGeometry g) =>
        g is { InDepth: 1, WindowDepth: 1, WindowHeight: 3, WindowWidth: 3, PaddingZ: 0, StrideX: 1 or 2 }
        && g.StrideY == g.StrideX
            ? g.StrideX
            : 0;

    /// <summary>Squares of inputs of the length of a step.</summary>
    private static long Patches(PoolGeometry g, int stride) =>
        g.Planes * ((g.InHeight + stride - 1) / stride) * ((g.InWidth + stride - 1) / stride);

    /// <summary>Whether a tensor starts at a multiple of so many of its elements, as memory that others share need
    /// not.</summary>
    private static bool IsAligned(Tensor tensor, int elements) =>
        tensor.Address % (elements * tensor.DType.Size()) == 0;
}
