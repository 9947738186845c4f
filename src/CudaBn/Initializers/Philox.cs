namespace CudaBn;

/// <summary>The counter-based generator Philox 4x32-10: block i of a stream is a function of (seed, stream, i), so any
/// thread can make any element.</summary>
/// <remarks>Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.</remarks>
internal static class Philox
{
    internal const int Rounds = 10;
    internal const uint Multiplier0 = 0xD2511F53;
    internal const uint Multiplier1 = 0xCD9E8D57;
    internal const uint Weyl0 = 0x9E3779B9;
    internal const uint Weyl1 = 0xBB67AE85;

    /// <summary>The 64 random bits of an element: half a block each.</summary>
    public static ulong Bits(ulong seed, uint stream, ulong element)
    {
        var block = element >> 1;
        var (w0, w1, w2, w3) = Block((uint)block, (uint)(block >> 32), stream, 0, (uint)seed, (uint)(seed >> 32));
        return (element & 1) == 0 ? ((ulong)w1 << 32) | w0 : ((ulong)w3 << 32) | w2;
    }

    /// <summary>The uniform number of an element, in the open interval (0, 1): 52 random bits, centred.</summary>
    public static double Uniform(ulong seed, uint stream, ulong element) =>
        ((Bits(seed, stream, element) >> 12) + 0.5) * (1.0 / (1UL << 52));

    /// <summary>A number in [0, bound), without bias: Lemire, "Fast random integer generation in an interval", 2019.
    /// Elements are taken from <paramref name="next"/> on, which moves past those used.</summary>
    public static uint Below(uint bound, ulong seed, uint stream, ref ulong next)
    {
        while (true)
        {
            var product = (ulong)(uint)Bits(seed, stream, next++) * bound;
            var low = (uint)product;
            if (low >= bound || low >= (0u - bound) % bound)
                return (uint)(product >> 32);
        }
    }

    internal static (uint W0, uint W1, uint W2, uint W3) Block(
        uint c0, uint c1, uint c2, uint c3, uint key0, uint key1)
    {
        for (var round = 0; round < Rounds; round++)
        {
            var product0 = (ulong)Multiplier0 * c0;
            var product1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = (
                (uint)(product1 >> 32) ^ c1 ^ key0, (uint)product1,
                (uint)(product0 >> 32) ^ c3 ^ key1, (uint)product0);
            key0 += Weyl0;
            key1 += Weyl1;
        }

        return (c0, c1, c2, c3);
    }
}
