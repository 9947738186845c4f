using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cpu;

/// <summary>Memory that an operator needs while it runs, grown to the largest request and reused.</summary>
internal sealed unsafe class ScratchMemory : IDisposable
{
    private const int Alignment = 64;

    private void* _memory;
    private nuint _byteLength;

    ~ScratchMemory() => NativeMemory.AlignedFree(_memory);

    /// <summary>Room for a number of elements, whose contents are not set; valid until the next call.</summary>
    public T* Get<T>(long count)
        where T : unmanaged
    {
        var needed = checked((nuint)count * (nuint)sizeof(T));
        if (needed > _byteLength)
        {
            NativeMemory.AlignedFree(_memory);
            _memory = null;
            _byteLength = 0;
            _memory = NativeMemory.AlignedAlloc(needed, Alignment);
            _byteLength = needed;
        }

        return (T*)_memory;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        _byteLength = 0;
        GC.SuppressFinalize(this);
    }
}
