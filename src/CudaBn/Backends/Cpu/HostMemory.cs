using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cpu;

/// <summary>Memory of this process for the elements of tensors.</summary>
internal static unsafe partial class HostMemory
{
    private const nuint CacheLine = 64;
    private const nuint HugePage = 2 << 20;
    private const int AdviseHugePages = 14;

    // What operators read past the last element, and ignore: some registers of 512 bits.
    private const int Excess = 6 * 64;

    // As numbers, NaN: what should be ignored and is not shows.
    private const byte Untouched = 0xFF;

    private static long _liveBlocks;
    private static long _overruns;

    /// <summary>Blocks that were not released: what grows from step to step leaks.</summary>
    public static long LiveBlocks => Interlocked.Read(ref _liveBlocks);

    /// <summary>Whether blocks are looked at when they are released, for whether something was written behind them: the
    /// neighbour's, if there is one.</summary>
    public static bool WatchesEnds { get; set; }

    /// <summary>Reserves memory aligned to a cache line, behind which some registers' worth may be read, and not
    /// written.</summary>
    /// <remarks>Large blocks start on a huge page and ask Linux for such pages: images lie tens of kilobytes apart, and with
    /// small pages every step from one to the next misses the translation cache.</remarks>
    /// <exception cref="OutOfMemoryException">There is no such room.</exception>
    public static void* Allocate(nuint byteLength)
    {
        var whole = checked(byteLength + Excess);
        var isLarge = whole >= HugePage / 2 && OperatingSystem.IsLinux();
        var memory = isLarge ? AllocateHugePages(whole) : NativeMemory.AlignedAlloc(whole, CacheLine);
        End(memory, byteLength).Fill(Untouched);
        Interlocked.Increment(ref _liveBlocks);
        return memory;
    }

    /// <summary>Releases memory of the length that was reserved; null is allowed.</summary>
    public static void Free(void* memory, nuint byteLength)
    {
        if (memory is null)
            return;
        if (WatchesEnds && End(memory, byteLength).ContainsAnyExcept(Untouched))
            Interlocked.Increment(ref _overruns);
        NativeMemory.AlignedFree(memory);
        Interlocked.Decrement(ref _liveBlocks);
    }

    /// <summary>How many watched blocks were written behind since this was last asked.</summary>
    public static long TakeOverruns() => Interlocked.Exchange(ref _overruns, 0);

    private static Span<byte> End(void* memory, nuint byteLength) => new((byte*)memory + byteLength, Excess);

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
