namespace CudaBn.Backends.Cuda;

/// <summary>The places of the step counts that one launch adds to.</summary>
internal unsafe struct AdamCounters
{
    /// <summary>As many as leave room for the other arguments in the 4 KB that every driver passes to a kernel.</summary>
    public const int Capacity = 960;

    public fixed int Index[Capacity];
}
