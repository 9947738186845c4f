using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int SgdThreads = 128;

    internal static readonly KernelFile SgdFile = new("sgd.cu");

    /// <inheritdoc/>
    public override void SgdStep(in SgdArgs args)
    {
        using var scope = Enter();
        // A recording would start the buffers anew in every replay.
        if (args.FirstStep && args.Momentum != 0)
            RequireNotRecording("take the first step with momentum");
        SgdTensors tensors;
        for (var first = 0; first < args.Parameters.Count; first += SgdTensors.Capacity)
        {
            var count = Math.Min(SgdTensors.Capacity, args.Parameters.Count - first);
            Describe(in args, first, count, &tensors);
            Launch(in args, &tensors, count);
        }
    }

    private void Describe(in SgdArgs args, int first, int count, SgdTensors* tensors)
    {
        tensors->FirstChunk[0] = 0;
        for (var i = 0; i < count; i++)
        {
            var parameter = args.Parameters[first + i];
            tensors->Value[i] = AddressOf(parameter.Value);
            tensors->Gradient[i] = AddressOf(parameter.Gradient);
            tensors->MomentumBuffer[i] = args.Momentum == 0 ? 0 : AddressOf(args.MomentumBuffers[first + i]);
            TensorChunks.Add(i, parameter.Value.ElementCount, tensors->Elements, tensors->FirstChunk);
        }
    }

    private void Launch(in SgdArgs args, SgdTensors* tensors, int count)
    {
        var dtype = args.Parameters[0].Value.DType;
        var blocks = checked((int)tensors->FirstChunk[count]);
        var weightDecay = KernelArgument.Real(args.WeightDecay, dtype);
        if (args.Momentum == 0)
            Kernel(SgdFile, "sgd_step", dtype).Launch(
                blocks, SgdThreads,
                [
                    KernelArgument.Struct(tensors), count, args.LearningRate, args.LearningRateFactor,
                    args.GradientScale, weightDecay, args.Watch,
                ]);
        else
            Kernel(SgdFile, "sgd_momentum_step", dtype).Launch(
                blocks, SgdThreads,
                [
                    KernelArgument.Struct(tensors), count, args.LearningRate, args.LearningRateFactor,
                    args.GradientScale, weightDecay, KernelArgument.Real(args.Momentum, dtype),
                    KernelArgument.Real(1 - args.Dampening, dtype), args.FirstStep ? 1 : 0, args.Nesterov ? 1 : 0,
                    args.Watch,
                ]);
    }
}
