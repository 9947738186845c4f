using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int PoolThreads = 256;

    internal static readonly KernelFile MaxPool2dFile = new("max_pool2d.cu");

    /// <inheritdoc/>
    public override void MaxPool2dForward(in MaxPool2dForwardArgs args)
    {
        using var scope = Enter();
        var geometry = args.Geometry;
        var inPairs = IsPairs(geometry) && geometry.InWidth % 2 == 0 && IsAligned(args.Input, 2);
        var kernel = inPairs ? "max_pool2d_pairs_forward"
            : geometry.ArgMaxType == DType.UInt8 ? "max_pool2d_forward_uint8" : "max_pool2d_forward_int32";
        Kernel(MaxPool2dFile, kernel, args.Input.DType).Launch(
            BlocksFor(args.Output.ElementCount, 4 * PoolThreads), PoolThreads,
            [KernelArgument.Struct(&geometry), args.Input, args.Output, args.ArgMax]);
    }

    /// <inheritdoc/>
    public override void MaxPool2dBackward(in MaxPool2dBackwardArgs args)
    {
        using var scope = Enter();
        var geometry = args.Geometry;
        var inPairs = IsPairs(geometry) && geometry.InWidth == 2 * geometry.OutWidth
            && geometry.InHeight == 2 * geometry.OutHeight && IsAligned(args.GradInput, 2);
        var kernel = inPairs ? "max_pool2d_pairs_backward"
            : geometry.ArgMaxType == DType.UInt8 ? "max_pool2d_backward_uint8" : "max_pool2d_backward_int32";
        var threadsOfWork = inPairs ? args.GradOutput.ElementCount : args.GradInput.ElementCount;
        Kernel(MaxPool2dFile, kernel, args.GradOutput.DType).Launch(
            BlocksFor(threadsOfWork, 4 * PoolThreads), PoolThreads,
            [KernelArgument.Struct(&geometry), args.ArgMax, args.GradOutput, args.GradInput]);
    }

    /// <summary>Whether windows are 2 x 2 side by side, by far the most common, of which a thread takes two elements with
    /// one load.</summary>
    private static bool IsPairs(MaxPool2dGeometry g) =>
        g is { WindowHeight: 2, WindowWidth: 2, StrideY: 2, StrideX: 2, PaddingY: 0, PaddingX: 0 };

    /// <summary>Whether a tensor starts at a multiple of so many of its elements, as memory that others share need
    /// not.</summary>
    private static bool IsAligned(Tensor tensor, int elements) =>
        tensor.Address % (elements * tensor.DType.Size()) == 0;
}
