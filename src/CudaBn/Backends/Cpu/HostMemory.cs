using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cpu;

/// <summary>Memory of this process for the elements of tensors.</summary>
internal static unsafe partial class HostMemory
{
    private const nuint CacheLine = 64;
    private const nuint HugePage = 2 << 20;
    private const int AdviseHugePages = 14;

    // What operators read past the last element, and ignore: two registers of 512 bits.
    private const nuint Excess = 128;

    private static long _liveBlocks;

    /// <summary>Blocks that were not released: what grows from step to step leaks.</summary>
    public static long LiveBlocks => Interlocked.Read(ref _liveBlocks);

    /// <summary>Reserves memory aligned to a cache line, behind which two registers' worth may be read.</summary>
    /// <remarks>Large blocks start on a huge page and ask Linux for such pages: images lie tens of kilobytes apart, and with
    /// small pages every step from one to the next misses the translation cache.</remarks>
    /// <exception cref="OutOfMemoryException">There is no such room.</exception>
    public static void* Allocate(nuint byteLength)
    {
        byteLength += Excess;
        var isLarge = byteLength >= HugePage / 2 && OperatingSystem.IsLinux();
        var memory = isLarge ? AllocateHugePages(byteLength) : NativeMemory.AlignedAlloc(byteLength, CacheLine);
        Interlocked.Increment(ref _liveBlocks);
        return memory;
    }

    /// <summary>Releases memory; null is allowed.</summary>
    public static void Free(void* memory)
    {
        if (memory is null)
            return;
        NativeMemory.AlignedFree(memory);
        Interlocked.Decrement(ref _liveBlocks);
    }

    private static void* AllocateHugePages(nuint byteLength)
    {
        var whole = (byteLength + HugePage - 1) / HugePage * HugePage;
        var memory = NativeMemory.AlignedAlloc(whole, HugePage);
        // Advice only: where it is not taken, the memory works all the same.
        _ = Advise(memory, whole, AdviseHugePages);
        return memory;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
