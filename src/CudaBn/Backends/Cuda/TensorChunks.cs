namespace CudaBn.Backends.Cuda;

/// <summary>How kernels that work on many tensors in one launch cut them: a block has a chunk of one of them. The addresses
/// are an argument of the kernel, so that nothing on the device can be out of date.</summary>
internal static unsafe class TensorChunks
{
    /// <summary>How many elements a block has.</summary>
    public const int Elements = 1024;

    /// <summary>Notes that tensor <paramref name="index"/> comes next, and which blocks have it.</summary>
    public static void Add(int index, long elements, long* elementCounts, uint* firstChunks)
    {
        elementCounts[index] = elements;
        firstChunks[index + 1] = checked(firstChunks[index] + (uint)((elements + Elements - 1) / Elements));
    }
}
