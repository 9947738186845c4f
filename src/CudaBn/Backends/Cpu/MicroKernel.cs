using System.Numerics;
using System.Runtime.CompilerServices;
using CudaBn.Backends.Cpu.Simd;

namespace CudaBn.Backends.Cpu;

/// <summary>The innermost loops of convolution and matrix product: R rows of two registers each, kept in registers over
/// the whole window. Every step loads two registers and multiplies them by R scalars.</summary>
/// <remarks>With 512-bit registers 12 rows are 24 sums, 2 sources and a broadcast of 32 registers; a step takes 12 cycles
/// of two multiply-adds and 14 loads.</remarks>
internal static unsafe class MicroKernel<TSimd, TVector, T>
    where TSimd : struct, ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>output[r][0 .. 2 * Count) = initial[r] + sum over the window of scalars[r] * vectors.</summary>
    /// <param name="rows">2, 4, 6, 8, 10 or 12.</param>
    /// <param name="vectors">The first two registers of the window.</param>
    /// <param name="scalars">The first <paramref name="rows"/> scalars of the window.</param>
    /// <param name="initial">What every row starts with.</param>
    /// <param name="output">The first row of the result.</param>
    /// <param name="outputStep">Elements from one row of the result to the next.</param>
    /// <param name="window">Where the products are.</param>
    public static void Run(
        int rows, T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window)
    {
        switch (rows)
        {
            case 2: Rows2(vectors, scalars, initial, output, outputStep, in window); break;
            case 4: Rows4(vectors, scalars, initial, output, outputStep, in window); break;
            case 6: Rows6(vectors, scalars, initial, output, outputStep, in window); break;
            case 8: Rows8(vectors, scalars, initial, output, outputStep, in window); break;
            case 10: Rows10(vectors, scalars, initial, output, outputStep, in window); break;
            case 12: Rows12(vectors, scalars, initial, output, outputStep, in window); break;
            default: throw new ArgumentOutOfRangeException(nameof(rows), rows, "There is no kernel of that many rows.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window)
    {
        var a0 = TSimd.Create(initial[0]);
        var b0 = a0;
        var a1 = TSimd.Create(initial[1]);
        var b1 = a1;
        int channels = window.Channels, windowRows = window.Rows, columns = window.Columns;
        nint vectorStep = window.VectorColumnStep, scalarStep = window.ScalarColumnStep;
        for (var channel = 0; channel < channels; channel++)
        {
            T* vectorRow = vectors, scalarRow = scalars;
            for (var row = 0; row < windowRows; row++)
            {
                T* v = vectorRow, s = scalarRow;
                for (var column = 0; column < columns; column++)
                {
                    var x = TSimd.Load(v);
                    var y = TSimd.Load(v + TSimd.Count);
                    var s0 = TSimd.Create(s[0]);
                    a0 = TSimd.MultiplyAdd(s0, x, a0);
                    b0 = TSimd.MultiplyAdd(s0, y, b0);
                    var s1 = TSimd.Create(s[1]);
                    a1 = TSimd.MultiplyAdd(s1, x, a1);
                    b1 = TSimd.MultiplyAdd(s1, y, b1);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorRow += window.VectorRowStep;
                scalarRow += window.ScalarRowStep;
            }

            vectors += window.VectorChannelStep;
            scalars += window.ScalarChannelStep;
        }

        TSimd.Store(a0, output);
        TSimd.Store(b0, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a1, output);
        TSimd.Store(b1, output + TSimd.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window)
    {
        var a0 = TSimd.Create(initial[0]);
        var b0 = a0;
        var a1 = TSimd.Create(initial[1]);
        var b1 = a1;
        var a2 = TSimd.Create(initial[2]);
        var b2 = a2;
        var a3 = TSimd.Create(initial[3]);
        var b3 = a3;
        int channels = window.Channels, windowRows = window.Rows, columns = window.Columns;
        nint vectorStep = window.VectorColumnStep, scalarStep = window.ScalarColumnStep;
        for (var channel = 0; channel < channels; channel++)
        {
            T* vectorRow = vectors, scalarRow = scalars;
            for (var row = 0; row < windowRows; row++)
            {
                T* v = vectorRow, s = scalarRow;
                for (var column = 0; column < columns; column++)
                {
                    var x = TSimd.Load(v);
                    var y = TSimd.Load(v + TSimd.Count);
                    var s0 = TSimd.Create(s[0]);
                    a0 = TSimd.MultiplyAdd(s0, x, a0);
                    b0 = TSimd.MultiplyAdd(s0, y, b0);
                    var s1 = TSimd.Create(s[1]);
                    a1 = TSimd.MultiplyAdd(s1, x, a1);
                    b1 = TSimd.MultiplyAdd(s1, y, b1);
                    var s2 = TSimd.Create(s[2]);
                    a2 = TSimd.MultiplyAdd(s2, x, a2);
                    b2 = TSimd.MultiplyAdd(s2, y, b2);
                    var s3 = TSimd.Create(s[3]);
                    a3 = TSimd.MultiplyAdd(s3, x, a3);
                    b3 = TSimd.MultiplyAdd(s3, y, b3);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorRow += window.VectorRowStep;
                scalarRow += window.ScalarRowStep;
            }

            vectors += window.VectorChannelStep;
            scalars += window.ScalarChannelStep;
        }

        TSimd.Store(a0, output);
        TSimd.Store(b0, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a1, output);
        TSimd.Store(b1, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a2, output);
        TSimd.Store(b2, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a3, output);
        TSimd.Store(b3, output + TSimd.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window)
    {
        var a0 = TSimd.Create(initial[0]);
        var b0 = a0;
        var a1 = TSimd.Create(initial[1]);
        var b1 = a1;
        var a2 = TSimd.Create(initial[2]);
        var b2 = a2;
        var a3 = TSimd.Create(initial[3]);
        var b3 = a3;
        var a4 = TSimd.Create(initial[4]);
        var b4 = a4;
        var a5 = TSimd.Create(initial[5]);
        var b5 = a5;
        int channels = window.Channels, windowRows = window.Rows, columns = window.Columns;
        nint vectorStep = window.VectorColumnStep, scalarStep = window.ScalarColumnStep;
        for (var channel = 0; channel < channels; channel++)
        {
            T* vectorRow = vectors, scalarRow = scalars;
            for (var row = 0; row < windowRows; row++)
            {
                T* v = vectorRow, s = scalarRow;
                for (var column = 0; column < columns; column++)
                {
                    var x = TSimd.Load(v);
                    var y = TSimd.Load(v + TSimd.Count);
                    var s0 = TSimd.Create(s[0]);
                    a0 = TSimd.MultiplyAdd(s0, x, a0);
                    b0 = TSimd.MultiplyAdd(s0, y, b0);
                    var s1 = TSimd.Create(s[1]);
                    a1 = TSimd.MultiplyAdd(s1, x, a1);
                    b1 = TSimd.MultiplyAdd(s1, y, b1);
                    var s2 = TSimd.Create(s[2]);
                    a2 = TSimd.MultiplyAdd(s2, x, a2);
                    b2 = TSimd.MultiplyAdd(s2, y, b2);
                    var s3 = TSimd.Create(s[3]);
                    a3 = TSimd.MultiplyAdd(s3, x, a3);
                    b3 = TSimd.MultiplyAdd(s3, y, b3);
                    var s4 = TSimd.Create(s[4]);
                    a4 = TSimd.MultiplyAdd(s4, x, a4);
                    b4 = TSimd.MultiplyAdd(s4, y, b4);
                    var s5 = TSimd.Create(s[5]);
                    a5 = TSimd.MultiplyAdd(s5, x, a5);
                    b5 = TSimd.MultiplyAdd(s5, y, b5);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorRow += window.VectorRowStep;
                scalarRow += window.ScalarRowStep;
            }

            vectors += window.VectorChannelStep;
            scalars += window.ScalarChannelStep;
        }

        TSimd.Store(a0, output);
        TSimd.Store(b0, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a1, output);
        TSimd.Store(b1, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a2, output);
        TSimd.Store(b2, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a3, output);
        TSimd.Store(b3, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a4, output);
        TSimd.Store(b4, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a5, output);
        TSimd.Store(b5, output + TSimd.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window)
    {
        var a0 = TSimd.Create(initial[0]);
        var b0 = a0;
        var a1 = TSimd.Create(initial[1]);
        var b1 = a1;
        var a2 = TSimd.Create(initial[2]);
        var b2 = a2;
        var a3 = TSimd.Create(initial[3]);
        var b3 = a3;
        var a4 = TSimd.Create(initial[4]);
        var b4 = a4;
        var a5 = TSimd.Create(initial[5]);
        var b5 = a5;
        var a6 = TSimd.Create(initial[6]);
        var b6 = a6;
        var a7 = TSimd.Create(initial[7]);
        var b7 = a7;
        int channels = window.Channels, windowRows = window.Rows, columns = window.Columns;
        nint vectorStep = window.VectorColumnStep, scalarStep = window.ScalarColumnStep;
        for (var channel = 0; channel < channels; channel++)
        {
            T* vectorRow = vectors, scalarRow = scalars;
            for (var row = 0; row < windowRows; row++)
            {
                T* v = vectorRow, s = scalarRow;
                for (var column = 0; column < columns; column++)
                {
                    var x = TSimd.Load(v);
                    var y = TSimd.Load(v + TSimd.Count);
                    var s0 = TSimd.Create(s[0]);
                    a0 = TSimd.MultiplyAdd(s0, x, a0);
                    b0 = TSimd.MultiplyAdd(s0, y, b0);
                    var s1 = TSimd.Create(s[1]);
                    a1 = TSimd.MultiplyAdd(s1, x, a1);
                    b1 = TSimd.MultiplyAdd(s1, y, b1);
                    var s2 = TSimd.Create(s[2]);
                    a2 = TSimd.MultiplyAdd(s2, x, a2);
                    b2 = TSimd.MultiplyAdd(s2, y, b2);
                    var s3 = TSimd.Create(s[3]);
                    a3 = TSimd.MultiplyAdd(s3, x, a3);
                    b3 = TSimd.MultiplyAdd(s3, y, b3);
                    var s4 = TSimd.Create(s[4]);
                    a4 = TSimd.MultiplyAdd(s4, x, a4);
                    b4 = TSimd.MultiplyAdd(s4, y, b4);
                    var s5 = TSimd.Create(s[5]);
                    a5 = TSimd.MultiplyAdd(s5, x, a5);
                    b5 = TSimd.MultiplyAdd(s5, y, b5);
                    var s6 = TSimd.Create(s[6]);
                    a6 = TSimd.MultiplyAdd(s6, x, a6);
                    b6 = TSimd.MultiplyAdd(s6, y, b6);
                    var s7 = TSimd.Create(s[7]);
                    a7 = TSimd.MultiplyAdd(s7, x, a7);
                    b7 = TSimd.MultiplyAdd(s7, y, b7);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorRow += window.VectorRowStep;
                scalarRow += window.ScalarRowStep;
            }

            vectors += window.VectorChannelStep;
            scalars += window.ScalarChannelStep;
        }

        TSimd.Store(a0, output);
        TSimd.Store(b0, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a1, output);
        TSimd.Store(b1, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a2, output);
        TSimd.Store(b2, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a3, output);
        TSimd.Store(b3, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a4, output);
        TSimd.Store(b4, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a5, output);
        TSimd.Store(b5, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a6, output);
        TSimd.Store(b6, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a7, output);
        TSimd.Store(b7, output + TSimd.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows10(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window)
    {
        var a0 = TSimd.Create(initial[0]);
        var b0 = a0;
        var a1 = TSimd.Create(initial[1]);
        var b1 = a1;
        var a2 = TSimd.Create(initial[2]);
        var b2 = a2;
        var a3 = TSimd.Create(initial[3]);
        var b3 = a3;
        var a4 = TSimd.Create(initial[4]);
        var b4 = a4;
        var a5 = TSimd.Create(initial[5]);
        var b5 = a5;
        var a6 = TSimd.Create(initial[6]);
        var b6 = a6;
        var a7 = TSimd.Create(initial[7]);
        var b7 = a7;
        var a8 = TSimd.Create(initial[8]);
        var b8 = a8;
        var a9 = TSimd.Create(initial[9]);
        var b9 = a9;
        int channels = window.Channels, windowRows = window.Rows, columns = window.Columns;
        nint vectorStep = window.VectorColumnStep, scalarStep = window.ScalarColumnStep;
        for (var channel = 0; channel < channels; channel++)
        {
            T* vectorRow = vectors, scalarRow = scalars;
            for (var row = 0; row < windowRows; row++)
            {
                T* v = vectorRow, s = scalarRow;
                for (var column = 0; column < columns; column++)
                {
                    var x = TSimd.Load(v);
                    var y = TSimd.Load(v + TSimd.Count);
                    var s0 = TSimd.Create(s[0]);
                    a0 = TSimd.MultiplyAdd(s0, x, a0);
                    b0 = TSimd.MultiplyAdd(s0, y, b0);
                    var s1 = TSimd.Create(s[1]);
                    a1 = TSimd.MultiplyAdd(s1, x, a1);
                    b1 = TSimd.MultiplyAdd(s1, y, b1);
                    var s2 = TSimd.Create(s[2]);
                    a2 = TSimd.MultiplyAdd(s2, x, a2);
                    b2 = TSimd.MultiplyAdd(s2, y, b2);
                    var s3 = TSimd.Create(s[3]);
                    a3 = TSimd.MultiplyAdd(s3, x, a3);
                    b3 = TSimd.MultiplyAdd(s3, y, b3);
                    var s4 = TSimd.Create(s[4]);
                    a4 = TSimd.MultiplyAdd(s4, x, a4);
                    b4 = TSimd.MultiplyAdd(s4, y, b4);
                    var s5 = TSimd.Create(s[5]);
                    a5 = TSimd.MultiplyAdd(s5, x, a5);
                    b5 = TSimd.MultiplyAdd(s5, y, b5);
                    var s6 = TSimd.Create(s[6]);
                    a6 = TSimd.MultiplyAdd(s6, x, a6);
                    b6 = TSimd.MultiplyAdd(s6, y, b6);
                    var s7 = TSimd.Create(s[7]);
                    a7 = TSimd.MultiplyAdd(s7, x, a7);
                    b7 = TSimd.MultiplyAdd(s7, y, b7);
                    var s8 = TSimd.Create(s[8]);
                    a8 = TSimd.MultiplyAdd(s8, x, a8);
                    b8 = TSimd.MultiplyAdd(s8, y, b8);
                    var s9 = TSimd.Create(s[9]);
                    a9 = TSimd.MultiplyAdd(s9, x, a9);
                    b9 = TSimd.MultiplyAdd(s9, y, b9);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorRow += window.VectorRowStep;
                scalarRow += window.ScalarRowStep;
            }

            vectors += window.VectorChannelStep;
            scalars += window.ScalarChannelStep;
        }

        TSimd.Store(a0, output);
        TSimd.Store(b0, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a1, output);
        TSimd.Store(b1, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a2, output);
        TSimd.Store(b2, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a3, output);
        TSimd.Store(b3, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a4, output);
        TSimd.Store(b4, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a5, output);
        TSimd.Store(b5, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a6, output);
        TSimd.Store(b6, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a7, output);
        TSimd.Store(b7, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a8, output);
        TSimd.Store(b8, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a9, output);
        TSimd.Store(b9, output + TSimd.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows12(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window)
    {
        var a0 = TSimd.Create(initial[0]);
        var b0 = a0;
        var a1 = TSimd.Create(initial[1]);
        var b1 = a1;
        var a2 = TSimd.Create(initial[2]);
        var b2 = a2;
        var a3 = TSimd.Create(initial[3]);
        var b3 = a3;
        var a4 = TSimd.Create(initial[4]);
        var b4 = a4;
        var a5 = TSimd.Create(initial[5]);
        var b5 = a5;
        var a6 = TSimd.Create(initial[6]);
        var b6 = a6;
        var a7 = TSimd.Create(initial[7]);
        var b7 = a7;
        var a8 = TSimd.Create(initial[8]);
        var b8 = a8;
        var a9 = TSimd.Create(initial[9]);
        var b9 = a9;
        var a10 = TSimd.Create(initial[10]);
        var b10 = a10;
        var a11 = TSimd.Create(initial[11]);
        var b11 = a11;
        int channels = window.Channels, windowRows = window.Rows, columns = window.Columns;
        nint vectorStep = window.VectorColumnStep, scalarStep = window.ScalarColumnStep;
        for (var channel = 0; channel < channels; channel++)
        {
            T* vectorRow = vectors, scalarRow = scalars;
            for (var row = 0; row < windowRows; row++)
            {
                T* v = vectorRow, s = scalarRow;
                for (var column = 0; column < columns; column++)
                {
                    var x = TSimd.Load(v);
                    var y = TSimd.Load(v + TSimd.Count);
                    var s0 = TSimd.Create(s[0]);
                    a0 = TSimd.MultiplyAdd(s0, x, a0);
                    b0 = TSimd.MultiplyAdd(s0, y, b0);
                    var s1 = TSimd.Create(s[1]);
                    a1 = TSimd.MultiplyAdd(s1, x, a1);
                    b1 = TSimd.MultiplyAdd(s1, y, b1);
                    var s2 = TSimd.Create(s[2]);
                    a2 = TSimd.MultiplyAdd(s2, x, a2);
                    b2 = TSimd.MultiplyAdd(s2, y, b2);
                    var s3 = TSimd.Create(s[3]);
                    a3 = TSimd.MultiplyAdd(s3, x, a3);
                    b3 = TSimd.MultiplyAdd(s3, y, b3);
                    var s4 = TSimd.Create(s[4]);
                    a4 = TSimd.MultiplyAdd(s4, x, a4);
                    b4 = TSimd.MultiplyAdd(s4, y, b4);
                    var s5 = TSimd.Create(s[5]);
                    a5 = TSimd.MultiplyAdd(s5, x, a5);
                    b5 = TSimd.MultiplyAdd(s5, y, b5);
                    var s6 = TSimd.Create(s[6]);
                    a6 = TSimd.MultiplyAdd(s6, x, a6);
                    b6 = TSimd.MultiplyAdd(s6, y, b6);
                    var s7 = TSimd.Create(s[7]);
                    a7 = TSimd.MultiplyAdd(s7, x, a7);
                    b7 = TSimd.MultiplyAdd(s7, y, b7);
                    var s8 = TSimd.Create(s[8]);
                    a8 = TSimd.MultiplyAdd(s8, x, a8);
                    b8 = TSimd.MultiplyAdd(s8, y, b8);
                    var s9 = TSimd.Create(s[9]);
                    a9 = TSimd.MultiplyAdd(s9, x, a9);
                    b9 = TSimd.MultiplyAdd(s9, y, b9);
                    var s10 = TSimd.Create(s[10]);
                    a10 = TSimd.MultiplyAdd(s10, x, a10);
                    b10 = TSimd.MultiplyAdd(s10, y, b10);
                    var s11 = TSimd.Create(s[11]);
                    a11 = TSimd.MultiplyAdd(s11, x, a11);
                    b11 = TSimd.MultiplyAdd(s11, y, b11);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorRow += window.VectorRowStep;
                scalarRow += window.ScalarRowStep;
            }

            vectors += window.VectorChannelStep;
            scalars += window.ScalarChannelStep;
        }

        TSimd.Store(a0, output);
        TSimd.Store(b0, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a1, output);
        TSimd.Store(b1, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a2, output);
        TSimd.Store(b2, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a3, output);
        TSimd.Store(b3, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a4, output);
        TSimd.Store(b4, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a5, output);
        TSimd.Store(b5, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a6, output);
        TSimd.Store(b6, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a7, output);
        TSimd.Store(b7, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a8, output);
        TSimd.Store(b8, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a9, output);
        TSimd.Store(b9, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a10, output);
        TSimd.Store(b10, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a11, output);
        TSimd.Store(b11, output + TSimd.Count);
    }
}
