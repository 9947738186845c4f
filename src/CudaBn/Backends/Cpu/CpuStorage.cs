using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cpu;

/// <summary>Memory of this process, aligned to a cache line. Kernels may read, but not write, a register or two past its
/// end, so that the last elements of a row need no path of their own.</summary>
internal sealed unsafe class CpuStorage : TensorStorage
{
    private const int Alignment = 64;
    private const int ReadableSlack = 4 * 64;

    public CpuStorage(long byteLength)
        : base(byteLength)
    {
        SetHandle((nint)NativeMemory.AlignedAlloc(checked((nuint)byteLength + ReadableSlack), Alignment));
        // The collector sees a handle of a few bytes: tell it what a forgotten tensor holds.
        GC.AddMemoryPressure(byteLength);
    }

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        GC.RemoveMemoryPressure(ByteLength);
        return true;
    }
}
