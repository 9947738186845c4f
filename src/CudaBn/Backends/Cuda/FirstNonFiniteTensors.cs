namespace CudaBn.Backends.Cuda;

/// <summary>The tensors that one launch searches. Blocks FirstChunk[i] to FirstChunk[i + 1] - 1 have tensor i.</summary>
internal unsafe struct FirstNonFiniteTensors
{
    /// <summary>As many as leave room for the other arguments in the 4 KB that every driver passes to a kernel.</summary>
    public const int Capacity = 190;

    public fixed long Value[Capacity];
    public fixed long Elements[Capacity];
    public fixed uint FirstChunk[Capacity + 1];
}
