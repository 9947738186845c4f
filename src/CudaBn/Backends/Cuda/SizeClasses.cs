using System.Numerics;

namespace CudaBn.Backends.Cuda;

/// <summary>The sizes that cached blocks have, so that one fits the next tensor of about its size: multiples of 512 bytes up to
/// 4 KiB, then eight steps for every doubling, which wastes at most an eighth.</summary>
internal static class SizeClasses
{
    /// <summary>How many there are.</summary>
    public const int Count = Steps + (Steps * (LargestLog2 - SmallestLog2));

    /// <summary>The largest size.</summary>
    public const long Largest = 1L << LargestLog2;

    private const int Steps = 8;
    private const int SmallestLog2 = 12;
    private const int LargestLog2 = 48;
    private const int Granularity = 512;

    /// <summary>The class of the smallest size that holds some bytes.</summary>
    public static int Of(long bytes)
    {
        var last = bytes - 1;
        if (last < 1 << SmallestLog2)
            return (int)(last / Granularity);
        var log2 = BitOperations.Log2((ulong)last);
        var step = (last >> (log2 - 3)) - Steps;
        return (int)(Steps + (Steps * (log2 - SmallestLog2)) + step);
    }

    /// <summary>The size of a class.</summary>
    public static long Size(int sizeClass)
    {
        if (sizeClass < Steps)
            return (sizeClass + 1L) * Granularity;
        var log2 = SmallestLog2 + (sizeClass / Steps) - 1;
        return (Steps + 1L + (sizeClass % Steps)) << (log2 - 3);
    }
}
