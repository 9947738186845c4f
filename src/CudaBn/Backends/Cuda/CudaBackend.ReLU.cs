using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int ReLUThreads = 256;

    private static readonly KernelFile ReLUFile = new("relu.cu");

    /// <inheritdoc/>
    public override void ReLUForward(in ReLUForwardArgs args)
    {
        using var scope = Enter();
        var elements = args.Input.ElementCount;
        Kernel(ReLUFile, "relu_forward", args.Input.DType).Launch(
            BlocksFor(elements, 4 * ReLUThreads), ReLUThreads, [args.Input, elements, args.Output]);
    }

    /// <inheritdoc/>
    public override void ReLUBackward(in ReLUBackwardArgs args)
    {
        using var scope = Enter();
        var elements = args.Output.ElementCount;
        Kernel(ReLUFile, "relu_backward", args.Output.DType).Launch(
            BlocksFor(elements, 4 * ReLUThreads), ReLUThreads,
            [args.Output, args.GradOutput, elements, args.GradInput]);
    }
}
