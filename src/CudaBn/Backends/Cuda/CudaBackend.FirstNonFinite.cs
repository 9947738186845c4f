using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int FirstNonFiniteThreads = 256;

    internal static readonly KernelFile FirstNonFiniteFile = new("first_non_finite.cu");

    /// <inheritdoc/>
    public override void FirstNonFinite(in FirstNonFiniteArgs args)
    {
        using var scope = Enter();
        for (var first = 0; first < args.Tensors.Count; first += FirstNonFiniteTensors.Capacity)
            Search(in args, first, Math.Min(FirstNonFiniteTensors.Capacity, args.Tensors.Count - first));
    }

    private void Search(in FirstNonFiniteArgs args, int first, int count)
    {
        FirstNonFiniteTensors tensors;
        tensors.FirstChunk[0] = 0;
        for (var i = 0; i < count; i++)
        {
            var tensor = args.Tensors[first + i];
            tensors.Value[i] = AddressOf(tensor);
            TensorChunks.Add(i, tensor.ElementCount, tensors.Elements, tensors.FirstChunk);
        }

        var dtype = args.Tensors[0].DType;
        var chunks = checked((int)tensors.FirstChunk[count]);
        var found = Scratch((long)chunks * sizeof(long));
        Kernel(FirstNonFiniteFile, "first_non_finite_of_chunks", dtype).Launch(
            chunks, FirstNonFiniteThreads, [KernelArgument.Struct(&tensors), count, found]);
        Kernel(FirstNonFiniteFile, "first_non_finite_merge", dtype).Launch(
            count, FirstNonFiniteThreads,
            [KernelArgument.Struct(&tensors), found, AddressOf(args.Indices) + first * sizeof(long)]);
    }
}
