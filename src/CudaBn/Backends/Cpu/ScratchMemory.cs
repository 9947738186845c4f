namespace CudaBn.Backends.Cpu;

/// <summary>Memory that an operator needs while it runs, grown to the largest request and reused.</summary>
internal sealed unsafe class ScratchMemory : IDisposable
{
    private void* _memory;
    private nuint _byteLength;

    ~ScratchMemory() => HostMemory.Free(_memory, _byteLength);

    /// <summary>Room for a number of elements, whose contents are not set; valid until the next call.</summary>
    public T* Get<T>(long count)
        where T : unmanaged
    {
        var needed = checked((nuint)count * (nuint)sizeof(T));
        if (needed > _byteLength)
        {
            HostMemory.Free(_memory, _byteLength);
            _memory = null;
            _byteLength = 0;
            _memory = HostMemory.Allocate(needed);
            _byteLength = needed;
        }

        return (T*)_memory;
    }

    public void Dispose()
    {
        HostMemory.Free(_memory, _byteLength);
        _memory = null;
        _byteLength = 0;
        GC.SuppressFinalize(this);
    }
}
