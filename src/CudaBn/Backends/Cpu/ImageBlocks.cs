using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using CudaBn.Backends.Cpu.Simd;
using static CudaBn.Backends.Cpu.CacheLines;

namespace CudaBn.Backends.Cpu;

/// <summary>Images side by side in the lanes of registers: element q of an image becomes a row of two registers, one
/// lane per image. Whatever an operator does to one image then happens to a whole block at once, without edges,
/// alignment or strides to care for.</summary>
internal static unsafe class ImageBlocks<TSimd, TVector, T>
    where TSimd : struct, ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>How many squares before its turn the lines of one are asked for.</summary>
    private const int SquaresAhead = 8;

    /// <summary>Images per block.</summary>
    public static int Lanes => 2 * TSimd.Count;

    /// <summary>block[q * Lanes + image] = images[image * imageStep + q]; lanes beyond <paramref name="count"/> become
    /// 0.</summary>
    [MethodImpl(Compiled.AsLoop)]
    public static void Interleave(T* images, nint imageStep, int count, T* block, long elements)
    {
        if (count < Lanes)
            NativeMemory.Clear(block, (nuint)(elements * Lanes * sizeof(T)));
        if (count < TSimd.Count || elements < TSimd.Count)
        {
            InterleaveScalar(images, imageStep, count, block, 0, elements);
            return;
        }

        // The last square overlaps the one before, and so do the last images the first ones.
        nint last = count - TSimd.Count;
        for (long q = 0; q < elements; q += TSimd.Count)
        {
            q = Math.Min(q, elements - TSimd.Count);
            PrefetchSquare(images + q, imageStep, count);
            TSimd.Transpose(images + q, imageStep, block + q * Lanes, Lanes);
            if (last > 0)
                TSimd.Transpose(images + last * imageStep + q, imageStep, block + q * Lanes + last, Lanes);
        }
    }

    /// <summary>images[image * imageStep + q] = block[q * Lanes + image] for the first <paramref name="count"/>
    /// lanes.</summary>
    [MethodImpl(Compiled.AsLoop)]
    public static void Deinterleave(T* block, T* images, nint imageStep, int count, long elements)
    {
        if (count < TSimd.Count || elements < TSimd.Count)
        {
            for (var image = 0; image < count; image++)
            {
                for (long q = 0; q < elements; q++)
                    images[image * imageStep + q] = block[q * Lanes + image];
            }

            return;
        }

        nint last = count - TSimd.Count;
        for (long q = 0; q < elements; q += TSimd.Count)
        {
            q = Math.Min(q, elements - TSimd.Count);
            PrefetchSquare(images + q, imageStep, count);
            TSimd.Transpose(block + q * Lanes, Lanes, images + q, imageStep);
            if (last > 0)
                TSimd.Transpose(block + q * Lanes + last, Lanes, images + last * imageStep + q, imageStep);
        }
    }

    /// <summary>Every image is a stream of lines of its own, more of them than the processor follows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchSquare(T* images, nint imageStep, int count)
    {
        images += SquaresAhead * TSimd.Count;
        for (var image = 0; image < count; image++, images += imageStep)
            Prefetch(images);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void InterleaveScalar(
        T* images, nint imageStep, int count, T* block, long elementStart, long elementEnd)
    {
        for (var image = 0; image < count; image++)
        {
            for (var q = elementStart; q < elementEnd; q++)
                block[q * Lanes + image] = images[image * imageStep + q];
        }
    }
}
