using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>A block of a device's memory, as the driver gives it out.</summary>
internal sealed unsafe class DeviceMemory : CudaHandle
{
    private DeviceMemory(CudaContext context, DevicePointer pointer, long byteLength)
        : base(context)
    {
        ByteLength = byteLength;
        SetHandle(pointer.Value);
    }

    public long ByteLength { get; }

    public nint Address => Value;

    /// <summary>The next in a list of unused blocks. Lists of them must grow without an allocation, for the collector
    /// returns blocks too.</summary>
    public DeviceMemory? Next { get; set; }

    /// <summary>Asks the driver for a block. The context must be bound.</summary>
    /// <returns>The block; null if there is no room.</returns>
    public static DeviceMemory? TryAllocate(CudaContext context, long byteLength)
    {
        DevicePointer pointer;
        var result = Driver.cuMemAlloc_v2(&pointer, (nuint)byteLength);
        if (result == CudaResult.OutOfMemory)
            return null;
        result.ThrowIfFailed("cuMemAlloc_v2");
        return new DeviceMemory(context, pointer, byteLength);
    }

    private protected override CudaResult Destroy(nint value) => Driver.cuMemFree_v2(new DevicePointer(value));
}
