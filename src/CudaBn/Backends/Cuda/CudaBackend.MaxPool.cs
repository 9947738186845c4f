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
        var kernel = inPairs ? "max_pool_pairs_forward"
            : geometry.ArgMaxType == DType.UInt8 ? "max_pool_forward_uint8" : "max_pool_forward_int32";
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
        var kernel = inPairs ? "max_pool_pairs_backward"
            : geometry.ArgMaxType == DType.UInt8 ? "max_pool_backward_uint8" : "max_pool_backward_int32";
        var threadsOfWork = inPairs ? args.GradOutput.ElementCount : args.GradInput.ElementCount;
        Kernel(MaxPoolFile, kernel, args.GradOutput.DType).Launch(
            BlocksFor(threadsOfWork, 4 * PoolThreads), PoolThreads,
            [KernelArgument.Struct(&geometry), args.ArgMax, args.GradOutput, args.GradInput]);
    }

    /// <summary>Whether a tensor starts at a multiple of so many of its elements, as memory that others share need
    /// not.</summary>
    private static bool IsAligned(Tensor tensor, int elements) =>
        tensor.Address % (elements * tensor.DType.Size()) == 0;
}
