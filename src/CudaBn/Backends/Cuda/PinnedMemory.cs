using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>Memory of this process that stays where it is, so that a device can copy from and to it by itself. It is not
/// released before the last such copy is done.</summary>
internal sealed unsafe class PinnedMemory : CudaHandle
{
    private readonly EventHandle _lastUse;

    /// <summary>Reserves memory.</summary>
    /// <exception cref="InsufficientMemoryException">So much cannot be pinned.</exception>
    public PinnedMemory(CudaContext context, long byteLength)
        : base(context)
    {
        ByteLength = byteLength;
        using var binding = context.Bind();
        EventHandle happening;
        Driver.cuEventCreate(&happening, Driver.DisableTimingEvent).ThrowIfFailed();
        _lastUse = happening;
        void* pointer;
        var result = Driver.cuMemHostAlloc(&pointer, (nuint)byteLength, Driver.PortableHostMemory);
        if (result != CudaResult.Success)
            _ = Driver.cuEventDestroy_v2(happening);
        if (result == CudaResult.OutOfMemory)
            throw new InsufficientMemoryException($"{byteLength} bytes of this process cannot be pinned.");
        result.ThrowIfFailed("cuMemHostAlloc");
        SetHandle((nint)pointer);
    }

    public long ByteLength { get; }

    public nint Address => Value;

    /// <summary>Notes that a copy from or to the memory was just queued. The context must be bound.</summary>
    public void NoteUse(CudaStream stream) => Driver.cuEventRecord(_lastUse, stream.Handle).ThrowIfFailed();

    /// <summary>Waits for the last copy noted. The context must be bound.</summary>
    public void WaitForLastUse() => Driver.cuEventSynchronize(_lastUse).ThrowIfFailed();

    private protected override CudaResult Destroy(nint value)
    {
        // Of a lost device this fails, and nothing copies any more.
        _ = Driver.cuEventSynchronize(_lastUse);
        var result = Driver.cuMemFreeHost((void*)value);
        var eventResult = Driver.cuEventDestroy_v2(_lastUse);
        return result == CudaResult.Success ? eventResult : result;
    }
}
