using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int MeanSquaredErrorThreads = 256;

    internal static readonly KernelFile MeanSquaredErrorFile = new("mean_squared_error.cu");

    /// <inheritdoc/>
    public override void MeanSquaredErrorForward(in MeanSquaredErrorForwardArgs args)
    {
        using var scope = Enter();
        var elements = args.Prediction.ElementCount;
        var blocks = BlocksFor(elements, 4 * MeanSquaredErrorThreads);
        Kernel(MeanSquaredErrorFile, "mean_squared_error_forward", args.Prediction.DType).Launch(
            blocks, MeanSquaredErrorThreads,
            [
                args.Prediction, args.Target, elements, args.Scale, args.Loss, Scratch((long)blocks * sizeof(double)),
                Counters(1),
            ]);
    }

    /// <inheritdoc/>
    public override void MeanSquaredErrorBackward(in MeanSquaredErrorBackwardArgs args)
    {
        using var scope = Enter();
        var (elements, dtype) = (args.Prediction.ElementCount, args.Prediction.DType);
        Kernel(MeanSquaredErrorFile, "mean_squared_error_backward", dtype).Launch(
            BlocksFor(elements, 4 * MeanSquaredErrorThreads), MeanSquaredErrorThreads,
            [
                args.Prediction, args.Target, elements, KernelArgument.Real(2 * args.Scale, dtype),
                args.GradPrediction,
            ]);
    }
}
