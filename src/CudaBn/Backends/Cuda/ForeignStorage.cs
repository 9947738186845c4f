namespace CudaBn.Backends.Cuda;

/// <summary>Memory of a device that other code owns.</summary>
internal sealed class ForeignStorage : TensorStorage
{
    public ForeignStorage(nint address, long byteLength)
        : base(byteLength) => SetHandle(address);

    protected override bool ReleaseHandle() => true;
}
