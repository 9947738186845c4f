using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>Memory of a device.</summary>
internal sealed unsafe class CudaStorage : TensorStorage
{
    private readonly CudaContext _context;

    /// <summary>Reserves memory. The context must be bound.</summary>
    /// <exception cref="OutOfMemoryException">The device has no such room.</exception>
    public CudaStorage(CudaContext context, long byteLength)
        : base(byteLength)
    {
        _context = context;
        DevicePointer pointer;
        var result = Driver.cuMemAlloc_v2(&pointer, (nuint)byteLength);
        if (result == CudaResult.OutOfMemory)
            throw new InsufficientMemoryException($"{byteLength} bytes do not fit in the memory of {context.Name}.");
        result.ThrowIfFailed("cuMemAlloc_v2");
        var isAdded = false;
        context.DangerousAddRef(ref isAdded);
        SetHandle(pointer.Value);
    }

    protected override bool ReleaseHandle()
    {
        var result = _context.TryRun(handle, static pointer => Driver.cuMemFree_v2(new DevicePointer(pointer)));
        _context.DangerousRelease();
        return result == CudaResult.Success;
    }
}
