using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int DropoutThreads = 256;

    internal static readonly KernelFile DropoutFile = new("dropout.cu");

    /// <inheritdoc/>
    public override void DropoutForward(in DropoutForwardArgs args)
    {
        using var scope = Enter();
        var (mask, elements, dtype) = (args.Mask, args.Input.ElementCount, args.Input.DType);
        // A thread makes four elements from one block of the generator.
        Kernel(DropoutFile, "dropout_forward", dtype).Launch(
            BlocksFor(elements, 4 * DropoutThreads), DropoutThreads,
            [
                mask.Seed, mask.Stream, mask.Threshold, KernelArgument.Real(mask.Scale, dtype), mask.Step, args.Input,
                elements, args.Output, Counters(1),
            ]);
    }

    /// <inheritdoc/>
    public override void DropoutBackward(in DropoutBackwardArgs args)
    {
        using var scope = Enter();
        var (mask, elements, dtype) = (args.Mask, args.GradOutput.ElementCount, args.GradOutput.DType);
        Kernel(DropoutFile, "dropout_backward", dtype).Launch(
            BlocksFor(elements, 4 * DropoutThreads), DropoutThreads,
            [
                mask.Seed, mask.Stream, mask.Threshold, KernelArgument.Real(mask.Scale, dtype), mask.Step,
                args.GradOutput, elements, args.GradInput,
            ]);
    }
}
