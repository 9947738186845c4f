namespace CudaBn.Backends.Cuda;

/// <summary>Memory of a device that a tensor owns.</summary>
internal sealed class CudaStorage : TensorStorage
{
    private readonly CudaAllocator _allocator;
    private readonly DeviceMemory _block;

    /// <summary>Reserves memory. The context must be bound.</summary>
    /// <exception cref="InsufficientMemoryException">The device has no such room.</exception>
    public CudaStorage(CudaAllocator allocator, long byteLength, bool mayTrim)
        : base(byteLength)
    {
        _allocator = allocator;
        _block = allocator.Take(byteLength, mayTrim, isTensor: true);
        SetHandle(_block.Address);
    }

    protected override bool ReleaseHandle() => _allocator.Return(_block);
}
