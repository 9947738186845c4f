using System.Numerics;
using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu.Simd;

/// <summary>What moves elements between lanes, element by element, for registers without an instruction for it.</summary>
internal static unsafe class Lanes
{
    public static void Transpose<T>(T* source, nint sourceStride, T* destination, nint destinationStride, int count)
        where T : unmanaged
    {
        for (var row = 0; row < count; row++)
        {
            for (var column = 0; column < count; column++)
                destination[column * destinationStride + row] = source[row * sourceStride + column];
        }
    }

    public static void Deinterleave<TVector, T>(TVector low, TVector high, out TVector even, out TVector odd)
        where TVector : unmanaged
        where T : unmanaged
    {
        Unsafe.SkipInit(out even);
        Unsafe.SkipInit(out odd);
        var count = sizeof(TVector) / sizeof(T);
        var source = stackalloc TVector[2] { low, high };
        var elements = (T*)source;
        fixed (TVector* evens = &even, odds = &odd)
        {
            for (var i = 0; i < count; i++)
            {
                ((T*)evens)[i] = elements[2 * i];
                ((T*)odds)[i] = elements[2 * i + 1];
            }
        }
    }

    public static void Interleave<TVector, T>(TVector even, TVector odd, out TVector low, out TVector high)
        where TVector : unmanaged
        where T : unmanaged
    {
        var count = sizeof(TVector) / sizeof(T);
        var evens = (T*)&even;
        var odds = (T*)&odd;
        var pair = stackalloc TVector[2];
        var elements = (T*)pair;
        for (var i = 0; i < count; i++)
        {
            elements[2 * i] = evens[i];
            elements[2 * i + 1] = odds[i];
        }

        low = pair[0];
        high = pair[1];
    }

    public static TVector PermuteTwo<TVector, T>(TVector low, TVector high, TVector indices)
        where TVector : unmanaged
        where T : unmanaged
    {
        Unsafe.SkipInit(out TVector permuted);
        var source = stackalloc TVector[2] { low, high };
        for (var i = 0; i < sizeof(TVector) / sizeof(T); i++)
        {
            // Indices are whole numbers as wide as an element.
            var index = sizeof(T) == sizeof(int) ? ((int*)&indices)[i] : (int)((long*)&indices)[i];
            ((T*)&permuted)[i] = ((T*)source)[index];
        }

        return permuted;
    }

    /// <summary>As many numbers of another type as there are lanes.</summary>
    public static TVector LoadNumbers<TVector, T, TSource>(TSource* source)
        where TVector : unmanaged
        where T : unmanaged, INumberBase<T>
        where TSource : unmanaged, INumberBase<TSource>
    {
        Unsafe.SkipInit(out TVector value);
        for (var i = 0; i < sizeof(TVector) / sizeof(T); i++)
            ((T*)&value)[i] = T.CreateTruncating(source[i]);
        return value;
    }

    public static void StoreBytes<TVector, T>(TVector value, byte* destination)
        where TVector : unmanaged
        where T : unmanaged, INumberBase<T>
    {
        for (var i = 0; i < sizeof(TVector) / sizeof(T); i++)
            destination[i] = byte.CreateTruncating(((T*)&value)[i]);
    }
}
