namespace CudaBn.Backends.Cpu;

/// <summary>Memory of this process, aligned to a cache line. Kernels may read, but not write, a register or two past its
/// end, so that the last elements of a row need no path of their own.</summary>
internal sealed unsafe class CpuStorage : TensorStorage
{
    public CpuStorage(long byteLength)
        : base(byteLength)
    {
        SetHandle((nint)HostMemory.Allocate(checked((nuint)byteLength)));
        // The collector sees a handle of a few bytes: tell it what a forgotten tensor holds.
        GC.AddMemoryPressure(byteLength);
    }

    protected override bool ReleaseHandle()
    {
        HostMemory.Free((void*)handle, (nuint)ByteLength);
        GC.RemoveMemoryPressure(ByteLength);
        return true;
    }
}
