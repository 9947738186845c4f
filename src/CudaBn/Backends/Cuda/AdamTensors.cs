namespace CudaBn.Backends.Cuda;

/// <summary>The parameters that one launch of Adam updates. Blocks FirstChunk[i] to FirstChunk[i + 1] - 1 have parameter
/// i.</summary>
internal unsafe struct AdamTensors
{
    /// <summary>As many as leave room for the other arguments in the 4 KB that every driver passes to a kernel.</summary>
    public const int Capacity = 90;

    public fixed long Value[Capacity];
    public fixed long Gradient[Capacity];
    public fixed long FirstMoment[Capacity];
    public fixed long SecondMoment[Capacity];
    public fixed long Elements[Capacity];
    public fixed uint FirstChunk[Capacity + 1];
}
