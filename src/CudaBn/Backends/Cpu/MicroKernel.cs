using System.Numerics;
using System.Runtime.CompilerServices;
using CudaBn.Backends.Cpu.Simd;

namespace CudaBn.Backends.Cpu;

/// <summary>The innermost loops of convolution: R rows of two registers each, kept in registers over the whole window.
/// Every step loads two registers and multiplies them by R scalars.</summary>
/// <remarks>With 512-bit registers 12 rows are 24 sums, 2 sources and a broadcast of 32 registers; a step takes 12 cycles
/// of two multiply-adds and 14 loads. Three steps per round, for windows are often three wide: where another thread runs
/// on the same core, every instruction that is no load and no multiply-add costs time.</remarks>
internal static unsafe class MicroKernel<TSimd, TVector, T>
    where TSimd : struct, ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>output[r][0 .. 2 * Count) = initial[r] + sum over the window of scalars[r] * vectors.</summary>
    /// <param name="rows">2, 4, 5, 6, 8, 10 or 12.</param>
    /// <param name="vectors">The first two registers of the window.</param>
    /// <param name="scalars">The first <paramref name="rows"/> scalars of the window.</param>
    /// <param name="initial">What every row starts with.</param>
    /// <param name="output">The first row of the result.</param>
    /// <param name="outputStep">Elements from one row of the result to the next.</param>
    /// <param name="window">Where the products are.</param>
    /// <param name="add">Whether the results are added to what the output holds: a part of a longer sum.</param>
    public static void Run(
        int rows, T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window,
        bool add = false)
    {
        switch (rows)
        {
            case 2: Rows2(vectors, scalars, initial, output, outputStep, in window, add); break;
            case 4: Rows4(vectors, scalars, initial, output, outputStep, in window, add); break;
            case 5: Rows5(vectors, scalars, initial, output, outputStep, in window, add); break;
            case 6: Rows6(vectors, scalars, initial, output, outputStep, in window, add); break;
            case 8: Rows8(vectors, scalars, initial, output, outputStep, in window, add); break;
            case 10: Rows10(vectors, scalars, initial, output, outputStep, in window, add); break;
            case 12: Rows12(vectors, scalars, initial, output, outputStep, in window, add); break;
            default: throw new ArgumentOutOfRangeException(nameof(rows), rows, "There is no kernel of that many rows.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyAdd(T scalar, TVector x, TVector y, ref TVector a, ref TVector b)
    {
        var s = TSimd.Create(scalar);
        a = TSimd.MultiplyAdd(s, x, a);
        b = TSimd.MultiplyAdd(s, y, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(TVector a, TVector b, T* output, bool add)
    {
        if (add)
        {
            a = TSimd.Add(a, TSimd.Load(output));
            b = TSimd.Add(b, TSimd.Load(output + TSimd.Count));
        }

        TSimd.Store(a, output);
        TSimd.Store(b, output + TSimd.Count);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows2(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window, bool add)
    {
        TVector a0 = TSimd.Create(initial[0]), b0 = a0;
        TVector a1 = TSimd.Create(initial[1]), b1 = a1;
        TVector x, y;
        int outer = window.Outer, middle = window.Middle, inner = window.Inner;
        nint vectorStep = window.VectorInnerStep, scalarStep = window.ScalarInnerStep;
        for (var i = 0; i < outer; i++)
        {
            T* vectorLine = vectors, scalarLine = scalars;
            for (var j = 0; j < middle; j++)
            {
                T* v = vectorLine, s = scalarLine;
                var left = inner;
                for (; left >= 3; left -= 3)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    v += vectorStep;
                    s += scalarStep;
                }

                for (; left > 0; left--)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorLine += window.VectorMiddleStep;
                scalarLine += window.ScalarMiddleStep;
            }

            vectors += window.VectorOuterStep;
            scalars += window.ScalarOuterStep;
        }

        Store(a0, b0, output, add);
        Store(a1, b1, output + outputStep, add);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows4(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window, bool add)
    {
        TVector a0 = TSimd.Create(initial[0]), b0 = a0;
        TVector a1 = TSimd.Create(initial[1]), b1 = a1;
        TVector a2 = TSimd.Create(initial[2]), b2 = a2;
        TVector a3 = TSimd.Create(initial[3]), b3 = a3;
        TVector x, y;
        int outer = window.Outer, middle = window.Middle, inner = window.Inner;
        nint vectorStep = window.VectorInnerStep, scalarStep = window.ScalarInnerStep;
        for (var i = 0; i < outer; i++)
        {
            T* vectorLine = vectors, scalarLine = scalars;
            for (var j = 0; j < middle; j++)
            {
                T* v = vectorLine, s = scalarLine;
                var left = inner;
                for (; left >= 3; left -= 3)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    v += vectorStep;
                    s += scalarStep;
                }

                for (; left > 0; left--)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorLine += window.VectorMiddleStep;
                scalarLine += window.ScalarMiddleStep;
            }

            vectors += window.VectorOuterStep;
            scalars += window.ScalarOuterStep;
        }

        Store(a0, b0, output, add);
        Store(a1, b1, output + outputStep, add);
        Store(a2, b2, output + 2 * outputStep, add);
        Store(a3, b3, output + 3 * outputStep, add);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows5(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window, bool add)
    {
        TVector a0 = TSimd.Create(initial[0]), b0 = a0;
        TVector a1 = TSimd.Create(initial[1]), b1 = a1;
        TVector a2 = TSimd.Create(initial[2]), b2 = a2;
        TVector a3 = TSimd.Create(initial[3]), b3 = a3;
        TVector a4 = TSimd.Create(initial[4]), b4 = a4;
        TVector x, y;
        int outer = window.Outer, middle = window.Middle, inner = window.Inner;
        nint vectorStep = window.VectorInnerStep, scalarStep = window.ScalarInnerStep;
        for (var i = 0; i < outer; i++)
        {
            T* vectorLine = vectors, scalarLine = scalars;
            for (var j = 0; j < middle; j++)
            {
                T* v = vectorLine, s = scalarLine;
                var left = inner;
                for (; left >= 3; left -= 3)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    v += vectorStep;
                    s += scalarStep;
                }

                for (; left > 0; left--)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorLine += window.VectorMiddleStep;
                scalarLine += window.ScalarMiddleStep;
            }

            vectors += window.VectorOuterStep;
            scalars += window.ScalarOuterStep;
        }

        Store(a0, b0, output, add);
        Store(a1, b1, output + outputStep, add);
        Store(a2, b2, output + 2 * outputStep, add);
        Store(a3, b3, output + 3 * outputStep, add);
        Store(a4, b4, output + 4 * outputStep, add);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows6(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window, bool add)
    {
        TVector a0 = TSimd.Create(initial[0]), b0 = a0;
        TVector a1 = TSimd.Create(initial[1]), b1 = a1;
        TVector a2 = TSimd.Create(initial[2]), b2 = a2;
        TVector a3 = TSimd.Create(initial[3]), b3 = a3;
        TVector a4 = TSimd.Create(initial[4]), b4 = a4;
        TVector a5 = TSimd.Create(initial[5]), b5 = a5;
        TVector x, y;
        int outer = window.Outer, middle = window.Middle, inner = window.Inner;
        nint vectorStep = window.VectorInnerStep, scalarStep = window.ScalarInnerStep;
        for (var i = 0; i < outer; i++)
        {
            T* vectorLine = vectors, scalarLine = scalars;
            for (var j = 0; j < middle; j++)
            {
                T* v = vectorLine, s = scalarLine;
                var left = inner;
                for (; left >= 3; left -= 3)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    v += vectorStep;
                    s += scalarStep;
                }

                for (; left > 0; left--)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorLine += window.VectorMiddleStep;
                scalarLine += window.ScalarMiddleStep;
            }

            vectors += window.VectorOuterStep;
            scalars += window.ScalarOuterStep;
        }

        Store(a0, b0, output, add);
        Store(a1, b1, output + outputStep, add);
        Store(a2, b2, output + 2 * outputStep, add);
        Store(a3, b3, output + 3 * outputStep, add);
        Store(a4, b4, output + 4 * outputStep, add);
        Store(a5, b5, output + 5 * outputStep, add);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows8(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window, bool add)
    {
        TVector a0 = TSimd.Create(initial[0]), b0 = a0;
        TVector a1 = TSimd.Create(initial[1]), b1 = a1;
        TVector a2 = TSimd.Create(initial[2]), b2 = a2;
        TVector a3 = TSimd.Create(initial[3]), b3 = a3;
        TVector a4 = TSimd.Create(initial[4]), b4 = a4;
        TVector a5 = TSimd.Create(initial[5]), b5 = a5;
        TVector a6 = TSimd.Create(initial[6]), b6 = a6;
        TVector a7 = TSimd.Create(initial[7]), b7 = a7;
        TVector x, y;
        int outer = window.Outer, middle = window.Middle, inner = window.Inner;
        nint vectorStep = window.VectorInnerStep, scalarStep = window.ScalarInnerStep;
        for (var i = 0; i < outer; i++)
        {
            T* vectorLine = vectors, scalarLine = scalars;
            for (var j = 0; j < middle; j++)
            {
                T* v = vectorLine, s = scalarLine;
                var left = inner;
                for (; left >= 3; left -= 3)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    v += vectorStep;
                    s += scalarStep;
                }

                for (; left > 0; left--)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorLine += window.VectorMiddleStep;
                scalarLine += window.ScalarMiddleStep;
            }

            vectors += window.VectorOuterStep;
            scalars += window.ScalarOuterStep;
        }

        Store(a0, b0, output, add);
        Store(a1, b1, output + outputStep, add);
        Store(a2, b2, output + 2 * outputStep, add);
        Store(a3, b3, output + 3 * outputStep, add);
        Store(a4, b4, output + 4 * outputStep, add);
        Store(a5, b5, output + 5 * outputStep, add);
        Store(a6, b6, output + 6 * outputStep, add);
        Store(a7, b7, output + 7 * outputStep, add);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows10(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window, bool add)
    {
        TVector a0 = TSimd.Create(initial[0]), b0 = a0;
        TVector a1 = TSimd.Create(initial[1]), b1 = a1;
        TVector a2 = TSimd.Create(initial[2]), b2 = a2;
        TVector a3 = TSimd.Create(initial[3]), b3 = a3;
        TVector a4 = TSimd.Create(initial[4]), b4 = a4;
        TVector a5 = TSimd.Create(initial[5]), b5 = a5;
        TVector a6 = TSimd.Create(initial[6]), b6 = a6;
        TVector a7 = TSimd.Create(initial[7]), b7 = a7;
        TVector a8 = TSimd.Create(initial[8]), b8 = a8;
        TVector a9 = TSimd.Create(initial[9]), b9 = a9;
        TVector x, y;
        int outer = window.Outer, middle = window.Middle, inner = window.Inner;
        nint vectorStep = window.VectorInnerStep, scalarStep = window.ScalarInnerStep;
        for (var i = 0; i < outer; i++)
        {
            T* vectorLine = vectors, scalarLine = scalars;
            for (var j = 0; j < middle; j++)
            {
                T* v = vectorLine, s = scalarLine;
                var left = inner;
                for (; left >= 3; left -= 3)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    MultiplyAdd(s[8], x, y, ref a8, ref b8);
                    MultiplyAdd(s[9], x, y, ref a9, ref b9);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    MultiplyAdd(s[8], x, y, ref a8, ref b8);
                    MultiplyAdd(s[9], x, y, ref a9, ref b9);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    MultiplyAdd(s[8], x, y, ref a8, ref b8);
                    MultiplyAdd(s[9], x, y, ref a9, ref b9);
                    v += vectorStep;
                    s += scalarStep;
                }

                for (; left > 0; left--)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    MultiplyAdd(s[8], x, y, ref a8, ref b8);
                    MultiplyAdd(s[9], x, y, ref a9, ref b9);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorLine += window.VectorMiddleStep;
                scalarLine += window.ScalarMiddleStep;
            }

            vectors += window.VectorOuterStep;
            scalars += window.ScalarOuterStep;
        }

        Store(a0, b0, output, add);
        Store(a1, b1, output + outputStep, add);
        Store(a2, b2, output + 2 * outputStep, add);
        Store(a3, b3, output + 3 * outputStep, add);
        Store(a4, b4, output + 4 * outputStep, add);
        Store(a5, b5, output + 5 * outputStep, add);
        Store(a6, b6, output + 6 * outputStep, add);
        Store(a7, b7, output + 7 * outputStep, add);
        Store(a8, b8, output + 8 * outputStep, add);
        Store(a9, b9, output + 9 * outputStep, add);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows12(
        T* vectors, T* scalars, T* initial, T* output, nint outputStep, in TapWindow window, bool add)
    {
        TVector a0 = TSimd.Create(initial[0]), b0 = a0;
        TVector a1 = TSimd.Create(initial[1]), b1 = a1;
        TVector a2 = TSimd.Create(initial[2]), b2 = a2;
        TVector a3 = TSimd.Create(initial[3]), b3 = a3;
        TVector a4 = TSimd.Create(initial[4]), b4 = a4;
        TVector a5 = TSimd.Create(initial[5]), b5 = a5;
        TVector a6 = TSimd.Create(initial[6]), b6 = a6;
        TVector a7 = TSimd.Create(initial[7]), b7 = a7;
        TVector a8 = TSimd.Create(initial[8]), b8 = a8;
        TVector a9 = TSimd.Create(initial[9]), b9 = a9;
        TVector a10 = TSimd.Create(initial[10]), b10 = a10;
        TVector a11 = TSimd.Create(initial[11]), b11 = a11;
        TVector x, y;
        int outer = window.Outer, middle = window.Middle, inner = window.Inner;
        nint vectorStep = window.VectorInnerStep, scalarStep = window.ScalarInnerStep;
        for (var i = 0; i < outer; i++)
        {
            T* vectorLine = vectors, scalarLine = scalars;
            for (var j = 0; j < middle; j++)
            {
                T* v = vectorLine, s = scalarLine;
                var left = inner;
                for (; left >= 3; left -= 3)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    MultiplyAdd(s[8], x, y, ref a8, ref b8);
                    MultiplyAdd(s[9], x, y, ref a9, ref b9);
                    MultiplyAdd(s[10], x, y, ref a10, ref b10);
                    MultiplyAdd(s[11], x, y, ref a11, ref b11);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    MultiplyAdd(s[8], x, y, ref a8, ref b8);
                    MultiplyAdd(s[9], x, y, ref a9, ref b9);
                    MultiplyAdd(s[10], x, y, ref a10, ref b10);
                    MultiplyAdd(s[11], x, y, ref a11, ref b11);
                    v += vectorStep;
                    s += scalarStep;

                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    MultiplyAdd(s[8], x, y, ref a8, ref b8);
                    MultiplyAdd(s[9], x, y, ref a9, ref b9);
                    MultiplyAdd(s[10], x, y, ref a10, ref b10);
                    MultiplyAdd(s[11], x, y, ref a11, ref b11);
                    v += vectorStep;
                    s += scalarStep;
                }

                for (; left > 0; left--)
                {
                    x = TSimd.Load(v);
                    y = TSimd.Load(v + TSimd.Count);
                    MultiplyAdd(s[0], x, y, ref a0, ref b0);
                    MultiplyAdd(s[1], x, y, ref a1, ref b1);
                    MultiplyAdd(s[2], x, y, ref a2, ref b2);
                    MultiplyAdd(s[3], x, y, ref a3, ref b3);
                    MultiplyAdd(s[4], x, y, ref a4, ref b4);
                    MultiplyAdd(s[5], x, y, ref a5, ref b5);
                    MultiplyAdd(s[6], x, y, ref a6, ref b6);
                    MultiplyAdd(s[7], x, y, ref a7, ref b7);
                    MultiplyAdd(s[8], x, y, ref a8, ref b8);
                    MultiplyAdd(s[9], x, y, ref a9, ref b9);
                    MultiplyAdd(s[10], x, y, ref a10, ref b10);
                    MultiplyAdd(s[11], x, y, ref a11, ref b11);
                    v += vectorStep;
                    s += scalarStep;
                }

                vectorLine += window.VectorMiddleStep;
                scalarLine += window.ScalarMiddleStep;
            }

            vectors += window.VectorOuterStep;
            scalars += window.ScalarOuterStep;
        }

        Store(a0, b0, output, add);
        Store(a1, b1, output + outputStep, add);
        Store(a2, b2, output + 2 * outputStep, add);
        Store(a3, b3, output + 3 * outputStep, add);
        Store(a4, b4, output + 4 * outputStep, add);
        Store(a5, b5, output + 5 * outputStep, add);
        Store(a6, b6, output + 6 * outputStep, add);
        Store(a7, b7, output + 7 * outputStep, add);
        Store(a8, b8, output + 8 * outputStep, add);
        Store(a9, b9, output + 9 * outputStep, add);
        Store(a10, b10, output + 10 * outputStep, add);
        Store(a11, b11, output + 11 * outputStep, add);
    }
}
