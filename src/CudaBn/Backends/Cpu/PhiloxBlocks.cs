using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CudaBn.Backends.Cpu;

/// <summary>Consecutive blocks of <see cref="Philox"/>, a block in each lane.</summary>
internal static unsafe class PhiloxBlocks
{
    /// <summary>Random words made at a time: those of 16 blocks, two registers of them, for every round of a block waits for
    /// the one before it.</summary>
    public const int Words = 64;

    private const int Blocks = Words / 4;

    /// <summary>The words of blocks <paramref name="first"/>, first + 1, ... one after the other, with counters (block, high
    /// half of block, third, fourth).</summary>
    public static void Fill(uint* words, ulong seed, ulong first, uint third, uint fourth)
    {
        if (Avx512F.IsSupported)
        {
            Fill512(words, seed, first, third, fourth);
        }
        else if (Avx2.IsSupported)
        {
            Fill256(words, seed, first, third, fourth);
            Fill256(words + Words / 2, seed, first + Blocks / 2, third, fourth);
        }
        else
        {
            FillOneByOne(words, seed, first, third, fourth);
        }
    }

    internal static void FillOneByOne(uint* words, ulong seed, ulong first, uint third, uint fourth)
    {
        for (var i = 0; i < Blocks; i++)
        {
            var block = first + (ulong)i;
            (words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]) = Philox.Block(
                (uint)block, (uint)(block >> 32), third, fourth, (uint)seed, (uint)(seed >> 32));
        }
    }

    /// <summary>Turns the words into masks: all bits of an element are 1 where its word is at least the threshold, else
    /// 0.</summary>
    [MethodImpl(Compiled.AsLoop)]
    public static void ToMasks<T>(uint* words, ulong threshold, T* masks)
        where T : unmanaged
    {
        var least = Vector256.Create((uint)Math.Min(threshold, uint.MaxValue));
        var any = threshold <= uint.MaxValue ? Vector256<uint>.AllBitsSet : Vector256<uint>.Zero;
        for (var i = 0; i < Words; i += Vector256<uint>.Count)
        {
            var reached = Vector256.GreaterThanOrEqual(Vector256.Load(words + i), least) & any;
            if (sizeof(T) == sizeof(uint))
            {
                reached.Store((uint*)(masks + i));
                continue;
            }

            // Sign bits fill the upper half.
            var (low, high) = Vector256.Widen(reached.AsInt32());
            low.Store((long*)(masks + i));
            high.Store((long*)(masks + i) + Vector256<long>.Count);
        }
    }

    // A lane of 64 bits is a block, and holds a word of its counter in its low half; what is in the high half is not looked
    // at until the end.
    [MethodImpl(Compiled.AsLoop)]
    private static void Fill512(uint* words, ulong seed, ulong first, uint third, uint fourth)
    {
        var a0 = Vector512.Create(first) + Vector512<ulong>.Indices;
        var b0 = a0 + Vector512.Create((ulong)Vector512<ulong>.Count);
        Vector512<ulong> a1 = a0 >>> 32, b1 = b0 >>> 32;
        Vector512<ulong> a2 = Vector512.Create((ulong)third), a3 = Vector512.Create((ulong)fourth), b2 = a2, b3 = a3;
        Vector512<uint> key0 = Vector512.Create((uint)seed), key1 = Vector512.Create((uint)(seed >> 32));
        for (var round = 0; round < Philox.Rounds; round++)
        {
            Round(ref a0, ref a1, ref a2, ref a3, key0.AsUInt64(), key1.AsUInt64());
            Round(ref b0, ref b1, ref b2, ref b3, key0.AsUInt64(), key1.AsUInt64());
            key0 += Vector512.Create(Philox.Weyl0);
            key1 += Vector512.Create(Philox.Weyl1);
        }

        Store(a0, a1, a2, a3, words);
        Store(b0, b1, b2, b3, words + Words / 2);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Round(
            ref Vector512<ulong> c0, ref Vector512<ulong> c1, ref Vector512<ulong> c2, ref Vector512<ulong> c3,
            Vector512<ulong> key0, Vector512<ulong> key1)
        {
            var product0 = Avx512F.Multiply(Vector512.Create(Philox.Multiplier0), c0.AsUInt32());
            var product1 = Avx512F.Multiply(Vector512.Create(Philox.Multiplier1), c2.AsUInt32());
            c0 = (product1 >>> 32) ^ c1 ^ key0;
            c1 = product1;
            c2 = (product0 >>> 32) ^ c3 ^ key1;
            c3 = product0;
        }

        // Words 0 and 1 of a block side by side, then words 2 and 3; and of the two, one after the other.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Store(
            Vector512<ulong> c0, Vector512<ulong> c1, Vector512<ulong> c2, Vector512<ulong> c3, uint* words)
        {
            var low = Vector512.Create(0xFFFFFFFFul);
            var firstHalf = (c0 & low) | (c1 << 32);
            var secondHalf = (c2 & low) | (c3 << 32);
            Avx512F.PermuteVar8x64x2(firstHalf, Vector512.Create(0ul, 8, 1, 9, 2, 10, 3, 11), secondHalf)
                .Store((ulong*)words);
            Avx512F.PermuteVar8x64x2(firstHalf, Vector512.Create(4ul, 12, 5, 13, 6, 14, 7, 15), secondHalf)
                .Store((ulong*)words + Vector512<ulong>.Count);
        }
    }

    // As Fill512, half as many words.
    [MethodImpl(Compiled.AsLoop)]
    private static void Fill256(uint* words, ulong seed, ulong first, uint third, uint fourth)
    {
        var a0 = Vector256.Create(first) + Vector256<ulong>.Indices;
        var b0 = a0 + Vector256.Create((ulong)Vector256<ulong>.Count);
        Vector256<ulong> a1 = a0 >>> 32, b1 = b0 >>> 32;
        Vector256<ulong> a2 = Vector256.Create((ulong)third), a3 = Vector256.Create((ulong)fourth), b2 = a2, b3 = a3;
        uint key0 = (uint)seed, key1 = (uint)(seed >> 32);
        for (var round = 0; round < Philox.Rounds; round++)
        {
            Round(ref a0, ref a1, ref a2, ref a3, key0, key1);
            Round(ref b0, ref b1, ref b2, ref b3, key0, key1);
            key0 += Philox.Weyl0;
            key1 += Philox.Weyl1;
        }

        Store(a0, a1, a2, a3, words);
        Store(b0, b1, b2, b3, words + Words / 4);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Round(
            ref Vector256<ulong> c0, ref Vector256<ulong> c1, ref Vector256<ulong> c2, ref Vector256<ulong> c3, uint key0,
            uint key1)
        {
            var product0 = Avx2.Multiply(Vector256.Create(Philox.Multiplier0), c0.AsUInt32());
            var product1 = Avx2.Multiply(Vector256.Create(Philox.Multiplier1), c2.AsUInt32());
            c0 = (product1 >>> 32) ^ c1 ^ Vector256.Create((ulong)key0);
            c1 = product1;
            c2 = (product0 >>> 32) ^ c3 ^ Vector256.Create((ulong)key1);
            c3 = product0;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Store(
            Vector256<ulong> c0, Vector256<ulong> c1, Vector256<ulong> c2, Vector256<ulong> c3, uint* words)
        {
            var low = Vector256.Create(0xFFFFFFFFul);
            var firstHalf = (c0 & low) | (c1 << 32);
            var secondHalf = (c2 & low) | (c3 << 32);
            // Blocks 0 and 2, and 1 and 3: each instruction stays within 128 bits.
            var even = Avx2.UnpackLow(firstHalf, secondHalf);
            var odd = Avx2.UnpackHigh(firstHalf, secondHalf);
            Avx2.Permute2x128(even, odd, 0x20).Store((ulong*)words);
            Avx2.Permute2x128(even, odd, 0x31).Store((ulong*)words + 4);
        }
    }
}
