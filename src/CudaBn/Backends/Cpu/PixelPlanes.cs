using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CudaBn.Backends.Cpu.Simd;

namespace CudaBn.Backends.Cpu;

/// <summary>Planes of pixels with zeros around them, so that a convolution of stride 1 reads every place of its window
/// at one distance from the output's place, whatever the row: pixel lanes then run on from row to row.</summary>
/// <remarks>The zeros right of one row are those left of the next.</remarks>
internal static unsafe class PixelPlanes<TSimd, TVector, T>
    where TSimd : struct, ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Elements from one plane to the next: an odd number of cache lines, so that the same place of many
    /// planes does not fall into the same few sets of the first-level cache.</summary>
    public static int Step(int elements)
    {
        var line = CacheLines.Bytes / sizeof(T);
        return ((elements + line - 1) / line | 1) * line;
    }

    /// <summary>Writes planes of rows [first, first + rows) of images, those outside the image being zeros: <paramref
    /// name="zeros"/> zeros, then the rows with as many after each, and zeros up to the next plane.</summary>
    [MethodImpl(Compiled.AsLoop)]
    public static void Copy(
        T* source, int height, int width, int channels, int first, int rows, int zeros, T* planes, int step)
    {
        var pitch = width + zeros;
        for (var channel = 0; channel < channels; channel++, source += (nint)height * width, planes += step)
        {
            int above = Math.Clamp(-first, 0, rows), end = Math.Clamp(height - first, above, rows);
            var row = planes + zeros + (nint)above * pitch;
            Clear(planes, above * pitch + zeros);
            if (zeros == 0)
            {
                // Rows without anything between them are one.
                CopyRow(source + (nint)(first + above) * width, row, (end - above) * width);
                row += (end - above) * width;
                Clear(row, (int)(planes + step - row));
                continue;
            }

            for (var y = above; y < end; y++, row += pitch)
            {
                CopyRow(source + (nint)(first + y) * width, row, width);
                for (var x = 0; x < zeros; x++)
                    row[width + x] = T.Zero;
            }

            Clear(row, (int)(planes + step - row));
        }
    }

    /// <summary>Copies neighbouring elements in registers; the last one overlaps the one before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CopyRow(T* source, T* destination, int width)
    {
        var x = 0;
        for (; x + TSimd.Count <= width; x += TSimd.Count)
            TSimd.Store(TSimd.Load(source + x), destination + x);
        if (x < width && width >= TSimd.Count)
        {
            TSimd.Store(TSimd.Load(source + width - TSimd.Count), destination + width - TSimd.Count);
            return;
        }

        if (x < width)
            CopyShortRow(source, destination, width);
    }

    /// <summary>The same for a row shorter than a register, in shorter ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyShortRow(T* source, T* destination, int width)
    {
        if (width >= Vector256<T>.Count)
        {
            Vector256.Load(source).Store(destination);
            Vector256.Load(source + width - Vector256<T>.Count).Store(destination + width - Vector256<T>.Count);
        }
        else if (width >= Vector128<T>.Count)
        {
            Vector128.Load(source).Store(destination);
            Vector128.Load(source + width - Vector128<T>.Count).Store(destination + width - Vector128<T>.Count);
        }
        else
        {
            for (var x = 0; x < width; x++)
                destination[x] = source[x];
        }
    }

    /// <summary>Writes a row: elements of the source where they are inside it, zeros elsewhere.</summary>
    /// <param name="source">What element 0 of the row would be, which may lie outside.</param>
    /// <param name="row">The row.</param>
    /// <param name="inside">The elements of the row that are inside the source.</param>
    /// <param name="length">The elements of the row.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CopyPart(T* source, T* row, (int First, int Count) inside, int length)
    {
        var (left, width) = ClearOutside(row, inside, length);
        CopyRow(source + left, row + left, width);
    }

    /// <summary>Writes a row: of a row of an image one element per stride where they are inside it, zeros elsewhere.</summary>
    /// <param name="image">What element 0 would be in row 0 of the image, which may lie outside.</param>
    /// <param name="y">The row of the image, or one outside.</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    /// <param name="stride">Elements of the image per element of the row.</param>
    /// <param name="row">The row.</param>
    /// <param name="inside">The elements of the row that are inside the image, if it is.</param>
    /// <param name="length">The elements of the row.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CopyLine(
        T* image, int y, int height, int width, int stride, T* row, (int First, int Count) inside, int length)
    {
        if (y < 0 || y >= height)
            Clear(row, length);
        else if (stride == 1)
            CopyPart(image + (nint)y * width, row, inside, length);
        else
            CopyStrided(image + (nint)y * width, stride, row, inside, length);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (int First, int Count) ClearOutside(T* row, (int First, int Count) inside, int length)
    {
        if (inside.Count == 0)
            inside = (length, 0);
        for (var x = 0; x < inside.First; x++)
            row[x] = T.Zero;
        for (var x = inside.First + inside.Count; x < length; x++)
            row[x] = T.Zero;
        return inside;
    }

    /// <summary>Writes a row: one element of the source per stride where they are inside it, zeros elsewhere.</summary>
    /// <param name="source">What element 0 of the row would be, which may lie outside.</param>
    /// <param name="stride">Elements of the source per element of the row: two or more, one is <see cref="CopyPart"/>'s.</param>
    /// <param name="row">The row.</param>
    /// <param name="inside">The elements of the row that are inside the source.</param>
    /// <param name="length">The elements of the row.</param>
    [MethodImpl(Compiled.AsLoop)]
    public static void CopyStrided(T* source, int stride, T* row, (int First, int Count) inside, int length)
    {
        var (left, width) = ClearOutside(row, inside, length);
        row += left;
        source += (nint)left * stride;
        if (stride is 2 or 4 && width > TSimd.Count)
        {
            for (var x = 0; x + TSimd.Count < width; x += TSimd.Count)
                TSimd.Store(stride == 2 ? EveryOther(source + 2 * x, 0) : EveryFourth(source + 4 * x, 0), row + x);
            // The last element's neighbours may lie outside the source, so the last register ends with that element.
            var last = width - TSimd.Count;
            var end = source + (nint)stride * last - (stride - 1);
            TSimd.Store(stride == 2 ? EveryOther(end, 1) : EveryFourth(end, 1), row + last);
            return;
        }

        for (var x = 0; x < width; x++)
            row[x] = source[(nint)x * stride];
    }

    /// <summary>The first or last of every two elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector EveryOther(T* source, int place) =>
        EveryOther(TSimd.Load(source), TSimd.Load(source + TSimd.Count), place);

    /// <summary>The first or last of every four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector EveryFourth(T* source, int place) => EveryOther(
        EveryOther(source, place), EveryOther(source + 2 * TSimd.Count, place), place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector EveryOther(TVector low, TVector high, int place)
    {
        TSimd.Deinterleave(low, high, out var even, out var odd);
        return place == 0 ? even : odd;
    }

    private static void Clear(T* elements, int count) => new Span<T>(elements, count).Clear();
}
