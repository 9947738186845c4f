using System.Numerics;
using CudaBn.Backends.Cuda.Native;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    // Few, so that a batch of 256 rows, a warp each, is spread over 128 blocks.
    private const int LossThreads = 64;

    private const int LossGradientThreads = 256;

    // What a block leaves to the last one: a double and two ints.
    internal const int LossSumsBytes = 16;

    internal static readonly KernelFile SoftmaxCrossEntropyFile = new("softmax_cross_entropy.cu");

    private Tensor? _refusedLabel;

    /// <inheritdoc/>
    public override void SoftmaxCrossEntropyForward(in SoftmaxCrossEntropyForwardArgs args)
    {
        using var scope = Enter();
        var lanes = LanesFor(args.Classes);
        var blocks = BlocksFor(args.Batch, LossThreads / lanes);
        var dtype = args.Logits.DType;
        Kernel(SoftmaxCrossEntropyFile, "softmax_cross_entropy_forward", dtype).Launch(
            blocks, LossThreads,
            [
                args.Logits, args.Labels, args.Batch, args.Classes, lanes, args.Scale,
                KernelArgument.Real(1 - args.LabelSmoothing, dtype),
                KernelArgument.Real(args.LabelSmoothing / args.Classes, dtype), args.Probabilities, args.Loss, args.Totals,
                Scratch((long)blocks * LossSumsBytes), Counters(1), RefusedLabelOnDevice(), args.Watch,
            ]);
    }

    /// <inheritdoc/>
    public override void SoftmaxCrossEntropyBackward(in SoftmaxCrossEntropyBackwardArgs args)
    {
        using var scope = Enter();
        var dtype = args.Probabilities.DType;
        Kernel(SoftmaxCrossEntropyFile, "softmax_cross_entropy_backward", dtype).Launch(
            BlocksFor((long)args.Batch * args.Classes, 4 * LossGradientThreads), LossGradientThreads,
            [
                args.Probabilities, args.Labels, args.Batch, args.Classes, KernelArgument.Real(args.Scale, dtype),
                KernelArgument.Real(1 - args.LabelSmoothing, dtype),
                KernelArgument.Real(args.LabelSmoothing / args.Classes, dtype), args.GradLogits,
            ]);
    }

    /// <summary>How many threads share a row: enough for four logits each, at most a warp.</summary>
    private static int LanesFor(int classes) =>
        (int)Math.Min(32, BitOperations.RoundUpToPowerOf2((uint)(classes + 3L) / 4));

    /// <summary>Where kernels note a label that is no class: a <see cref="RefusedLabel"/>.</summary>
    internal Tensor RefusedLabelOnDevice()
    {
        if (_refusedLabel is null)
        {
            RequireNotRecording("reserve memory for refused labels");
            _refusedLabel = Tensor.Zeros([sizeof(RefusedLabel) / sizeof(int)], DType.Int32, Device);
        }

        return _refusedLabel;
    }

    /// <summary>Says what kernels that are done have noted since the last call.</summary>
    private void ThrowIfLabelWasRefused()
    {
        if (_refusedLabel is null)
            return;
        RefusedLabel refused;
        Driver.cuMemcpyDtoHAsync_v2(
            &refused, new DevicePointer(_refusedLabel.Address), (nuint)sizeof(RefusedLabel), _stream.Handle)
            .ThrowIfFailed();
        Driver.cuStreamSynchronize(_stream.Handle).ThrowIfFailed();
        if (refused.Count == 0)
            return;
        Clear(_refusedLabel);
        throw refused.ToException();
    }
}
