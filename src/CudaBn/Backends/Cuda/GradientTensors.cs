namespace CudaBn.Backends.Cuda;

/// <summary>The gradients that one launch adds up the squares of. Blocks FirstChunk[i] to FirstChunk[i + 1] - 1 have
/// gradient i.</summary>
internal unsafe struct GradientTensors
{
    /// <summary>As many as leave room for the other arguments in the 4 KB that every driver passes to a kernel.</summary>
    public const int Capacity = 190;

    public fixed long Gradient[Capacity];
    public fixed long Elements[Capacity];
    public fixed uint FirstChunk[Capacity + 1];
}
