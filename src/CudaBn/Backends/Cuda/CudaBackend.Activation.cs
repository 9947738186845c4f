using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int ActivationThreads = 256;

    internal static readonly KernelFile ActivationFile = new("activation.cu");

    /// <inheritdoc/>
    public override void ActivationForward(in ActivationForwardArgs args)
    {
        using var scope = Enter();
        var (elements, dtype) = (args.Input.ElementCount, args.Input.DType);
        Kernel(ActivationFile, "activation_forward", dtype).Launch(
            BlocksFor(elements, 4 * ActivationThreads), ActivationThreads,
            [(int)args.Kind, KernelArgument.Real(args.NegativeSlope, dtype), args.Input, elements, args.Output]);
    }

    /// <inheritdoc/>
    public override void ActivationBackward(in ActivationBackwardArgs args)
    {
        using var scope = Enter();
        var (elements, dtype) = (args.Input.ElementCount, args.Input.DType);
        Kernel(ActivationFile, "activation_backward", dtype).Launch(
            BlocksFor(elements, 4 * ActivationThreads), ActivationThreads,
            [
                (int)args.Kind, KernelArgument.Real(args.NegativeSlope, dtype), args.Input, args.GradOutput, elements,
                args.GradInput,
            ]);
    }
}
