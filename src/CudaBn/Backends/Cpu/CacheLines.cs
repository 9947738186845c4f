using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace CudaBn.Backends.Cpu;

/// <summary>Asks for cache lines ahead of their use: the planes of channels and images lie far apart, and the processor does
/// not foresee the jump from one to the next. Any address is allowed.</summary>
internal static unsafe class CacheLines
{
    /// <summary>The size of a line.</summary>
    public const int Bytes = 64;

    /// <summary>The line is needed soon, to be read or written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(address);
    }

    /// <summary>The line is needed in a while: it is to wait in the second-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PrefetchSecondLevel(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(address);
    }
}
