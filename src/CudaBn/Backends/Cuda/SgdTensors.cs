namespace CudaBn.Backends.Cuda;

/// <summary>The parameters that one launch of SGD updates. Blocks FirstChunk[i] to FirstChunk[i + 1] - 1 have parameter
/// i.</summary>
internal unsafe struct SgdTensors
{
    /// <summary>As many as leave room for the other arguments in the 4 KB that every driver passes to a kernel.</summary>
    public const int Capacity = 110;

    public fixed long Value[Capacity];
    public fixed long Gradient[Capacity];
    public fixed long MomentumBuffer[Capacity];
    public fixed long Elements[Capacity];
    public fixed uint FirstChunk[Capacity + 1];
}
