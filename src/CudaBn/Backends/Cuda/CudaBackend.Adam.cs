using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int AdamThreads = 128;

    // What a parameter's number of steps decides: two doubles.
    internal const int AdamCorrectionBytes = 16;

    internal static readonly KernelFile AdamFile = new("adam.cu");

    /// <inheritdoc/>
    public override void AdamStep(in AdamArgs args)
    {
        using var scope = Enter();
        var count = args.Parameters.Count;
        var corrections = Scratch((long)count * AdamCorrectionBytes);
        for (var first = 0; first < count; first += AdamCounters.Capacity)
            CountSteps(in args, first, Math.Min(AdamCounters.Capacity, count - first), corrections);
        for (var first = 0; first < count; first += AdamTensors.Capacity)
            Update(in args, first, Math.Min(AdamTensors.Capacity, count - first), corrections);
    }

    private void CountSteps(in AdamArgs args, int first, int count, nint corrections)
    {
        AdamCounters counters;
        for (var i = 0; i < count; i++)
            counters.Index[i] = args.StepIndices[first + i];
        Kernel(AdamFile, "adam_count", args.Parameters[0].Value.DType).Launch(
            (count + AdamThreads - 1) / AdamThreads, AdamThreads,
            [
                KernelArgument.Struct(&counters), count, args.LearningRate, args.LearningRateFactor, args.Beta1,
                args.Beta2, args.Steps, corrections + first * AdamCorrectionBytes, args.Watch,
            ]);
    }

    private void Update(in AdamArgs args, int first, int count, nint corrections)
    {
        AdamTensors tensors;
        tensors.FirstChunk[0] = 0;
        for (var i = 0; i < count; i++)
        {
            var parameter = args.Parameters[first + i];
            tensors.Value[i] = AddressOf(parameter.Value);
            tensors.Gradient[i] = AddressOf(parameter.Gradient);
            tensors.FirstMoment[i] = AddressOf(args.FirstMoments[first + i]);
            tensors.SecondMoment[i] = AddressOf(args.SecondMoments[first + i]);
            TensorChunks.Add(i, parameter.Value.ElementCount, tensors.Elements, tensors.FirstChunk);
        }

        var dtype = args.Parameters[0].Value.DType;
        var l2 = args.DecouplesWeightDecay ? 0 : args.WeightDecay;
        Kernel(AdamFile, "adam_step", dtype).Launch(
            checked((int)tensors.FirstChunk[count]), AdamThreads,
            [
                KernelArgument.Struct(&tensors), count, corrections + first * AdamCorrectionBytes, args.LearningRate,
                args.LearningRateFactor, args.GradientScale, args.Beta1, args.Beta2,
                KernelArgument.Real(args.Epsilon, dtype), KernelArgument.Real(l2, dtype),
                args.WeightDecay - l2, args.Watch,
            ]);
    }
}
