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
        RectifiedGradient(args.Output, args.GradOutput, args.GradInput);
    }

    private void RectifiedGradient(Tensor output, Tensor gradOutput, Tensor gradInput)
    {
        var elements = output.ElementCount;
        Kernel(ReLUFile, "relu_backward", output.DType).Launch(
            BlocksFor(elements, 4 * ReLUThreads), ReLUThreads, [output, gradOutput, elements, gradInput]);
    }
}
