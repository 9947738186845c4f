using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int GradientNormThreads = 256;

    internal static readonly KernelFile GradientNormFile = new("gradient_norm.cu");

    /// <inheritdoc/>
    public override void GradientNorm(in GradientNormArgs args)
    {
        using var scope = Enter();
        var (count, chunks) = (args.Parameters.Count, 0L);
        for (var i = 0; i < count; i++)
            chunks += (args.Parameters[i].Value.ElementCount + TensorChunks.Elements - 1) / TensorChunks.Elements;
        var sums = Scratch(chunks * sizeof(double));
        var next = sums;
        for (var first = 0; first < count; first += GradientTensors.Capacity)
            next += AddSquares(in args, first, Math.Min(GradientTensors.Capacity, count - first), next) * sizeof(double);
        Kernel(GradientNormFile, "gradient_norm", args.Parameters[0].Value.DType).Launch(
            1, GradientNormThreads, [sums, chunks, args.MaxNorm, args.Norm, args.Scale]);
    }

    /// <returns>How many sums were queued.</returns>
    private int AddSquares(in GradientNormArgs args, int first, int count, nint sums)
    {
        GradientTensors tensors;
        tensors.FirstChunk[0] = 0;
        for (var i = 0; i < count; i++)
        {
            var gradient = args.Parameters[first + i].Gradient;
            tensors.Gradient[i] = AddressOf(gradient);
            TensorChunks.Add(i, gradient.ElementCount, tensors.Elements, tensors.FirstChunk);
        }

        var blocks = checked((int)tensors.FirstChunk[count]);
        Kernel(GradientNormFile, "gradient_squares", args.Parameters[0].Value.DType).Launch(
            blocks, GradientNormThreads, [KernelArgument.Struct(&tensors), count, sums]);
        return blocks;
    }
}
