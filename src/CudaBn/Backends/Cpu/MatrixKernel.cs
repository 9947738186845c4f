using System.Numerics;
using System.Runtime.CompilerServices;
using CudaBn.Backends.Cpu.Simd;

namespace CudaBn.Backends.Cpu;

/// <summary>The innermost loops of the matrix product: a tile of a few rows and two registers of columns, kept in
/// registers over a stretch of the inner dimension. Every step loads two registers of the right factor and multiplies
/// them by a scalar of each row of the left one.</summary>
/// <remarks>Rows of both factors may lie any distance apart, so neither has to be packed. Four steps per round: where
/// another thread runs on the same core, every instruction that is no load and no multiply-add costs time.</remarks>
internal static unsafe class MatrixKernel<TSimd, TVector, T>
    where TSimd : struct, ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>output = initial + left * right, all of two registers of columns.</summary>
    /// <param name="left">2, 4, 6, 8, 10 or 12 rows, each in one piece.</param>
    /// <param name="right">As many rows of two registers as the left factor has columns.</param>
    /// <param name="rightStep">Elements from one of them to the next.</param>
    /// <param name="initial">What the sums start with.</param>
    /// <param name="initialStep">Elements from one of its rows to the next; 0 where all start alike.</param>
    /// <param name="output">The first row of the result.</param>
    /// <param name="outputStep">Elements from one of its rows to the next.</param>
    public static void Run(
        in MatrixView<T> left, T* right, nint rightStep, T* initial, nint initialStep, T* output, nint outputStep)
    {
        T* s = left.Data, v = right;
        nint row = left.RowStep, step = rightStep;
        var inner = left.Columns;
        switch (left.Rows)
        {
            case 2: Rows2(s, row, v, step, inner, initial, initialStep, output, outputStep); break;
            case 4: Rows4(s, row, v, step, inner, initial, initialStep, output, outputStep); break;
            case 6: Rows6(s, row, v, step, inner, initial, initialStep, output, outputStep); break;
            case 8:
                Rows4(s, row, v, step, inner, initial, initialStep, output, outputStep);
                Rows4(s + 4 * row, row, v, step, inner, initial + 4 * initialStep, initialStep,
                    output + 4 * outputStep, outputStep);
                break;
            case 10:
                Rows6(s, row, v, step, inner, initial, initialStep, output, outputStep);
                Rows4(s + 6 * row, row, v, step, inner, initial + 6 * initialStep, initialStep,
                    output + 6 * outputStep, outputStep);
                break;
            case 12: Rows12(s, row, v, step, inner, initial, initialStep, output, outputStep); break;
            default:
                throw new ArgumentOutOfRangeException(nameof(left), left.Rows, "There is no kernel of that many rows.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyAdd(T* scalar, TVector x, TVector y, ref TVector a, ref TVector b)
    {
        var s = TSimd.Create(*scalar);
        a = TSimd.MultiplyAdd(s, x, a);
        b = TSimd.MultiplyAdd(s, y, b);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows2(
        T* s, nint row, T* v, nint step, int inner, T* initial, nint initialStep, T* output, nint outputStep)
    {
        TVector a0 = TSimd.Load(initial), b0 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a1 = TSimd.Load(initial), b1 = TSimd.Load(initial + TSimd.Count);
        nint threeSteps = 3 * step, fourSteps = 4 * step;
        TVector x, y;
        for (; inner >= 4; inner -= 4)
        {
            x = TSimd.Load(v);
            y = TSimd.Load(v + TSimd.Count);
            MultiplyAdd(s, x, y, ref a0, ref b0);
            MultiplyAdd(s + row, x, y, ref a1, ref b1);

            x = TSimd.Load(v + step);
            y = TSimd.Load(v + step + TSimd.Count);
            MultiplyAdd(s + 1, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 1, x, y, ref a1, ref b1);

            x = TSimd.Load(v + 2 * step);
            y = TSimd.Load(v + 2 * step + TSimd.Count);
            MultiplyAdd(s + 2, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 2, x, y, ref a1, ref b1);

            x = TSimd.Load(v + threeSteps);
            y = TSimd.Load(v + threeSteps + TSimd.Count);
            MultiplyAdd(s + 3, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 3, x, y, ref a1, ref b1);
            v += fourSteps;
            s += 4;
        }

        for (; inner > 0; inner--)
        {
            x = TSimd.Load(v);
            y = TSimd.Load(v + TSimd.Count);
            MultiplyAdd(s, x, y, ref a0, ref b0);
            MultiplyAdd(s + row, x, y, ref a1, ref b1);
            v += step;
            s++;
        }

        TSimd.Store(a0, output);
        TSimd.Store(b0, output + TSimd.Count);
        output += outputStep;
        TSimd.Store(a1, output);
        TSimd.Store(b1, output + TSimd.Count);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows4(
        T* s, nint row, T* v, nint step, int inner, T* initial, nint initialStep, T* output, nint outputStep)
    {
        TVector a0 = TSimd.Load(initial), b0 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a1 = TSimd.Load(initial), b1 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a2 = TSimd.Load(initial), b2 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a3 = TSimd.Load(initial), b3 = TSimd.Load(initial + TSimd.Count);
        T* t = s + 3 * row;
        nint twoRows = 2 * row, threeSteps = 3 * step, fourSteps = 4 * step;
        TVector x, y;
        for (; inner >= 4; inner -= 4)
        {
            x = TSimd.Load(v);
            y = TSimd.Load(v + TSimd.Count);
            MultiplyAdd(s, x, y, ref a0, ref b0);
            MultiplyAdd(s + row, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows, x, y, ref a2, ref b2);
            MultiplyAdd(t, x, y, ref a3, ref b3);

            x = TSimd.Load(v + step);
            y = TSimd.Load(v + step + TSimd.Count);
            MultiplyAdd(s + 1, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 1, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows + 1, x, y, ref a2, ref b2);
            MultiplyAdd(t + 1, x, y, ref a3, ref b3);

            x = TSimd.Load(v + 2 * step);
            y = TSimd.Load(v + 2 * step + TSimd.Count);
            MultiplyAdd(s + 2, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 2, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows + 2, x, y, ref a2, ref b2);
            MultiplyAdd(t + 2, x, y, ref a3, ref b3);

            x = TSimd.Load(v + threeSteps);
            y = TSimd.Load(v + threeSteps + TSimd.Count);
            MultiplyAdd(s + 3, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 3, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows + 3, x, y, ref a2, ref b2);
            MultiplyAdd(t + 3, x, y, ref a3, ref b3);
            v += fourSteps;
            s += 4;
            t += 4;
        }

        for (; inner > 0; inner--)
        {
            x = TSimd.Load(v);
            y = TSimd.Load(v + TSimd.Count);
            MultiplyAdd(s, x, y, ref a0, ref b0);
            MultiplyAdd(s + row, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows, x, y, ref a2, ref b2);
            MultiplyAdd(t, x, y, ref a3, ref b3);
            v += step;
            s++;
            t++;
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

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows6(
        T* s, nint row, T* v, nint step, int inner, T* initial, nint initialStep, T* output, nint outputStep)
    {
        TVector a0 = TSimd.Load(initial), b0 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a1 = TSimd.Load(initial), b1 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a2 = TSimd.Load(initial), b2 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a3 = TSimd.Load(initial), b3 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a4 = TSimd.Load(initial), b4 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a5 = TSimd.Load(initial), b5 = TSimd.Load(initial + TSimd.Count);
        T* t = s + 3 * row;
        nint twoRows = 2 * row, threeSteps = 3 * step, fourSteps = 4 * step;
        TVector x, y;
        for (; inner >= 4; inner -= 4)
        {
            x = TSimd.Load(v);
            y = TSimd.Load(v + TSimd.Count);
            MultiplyAdd(s, x, y, ref a0, ref b0);
            MultiplyAdd(s + row, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows, x, y, ref a2, ref b2);
            MultiplyAdd(t, x, y, ref a3, ref b3);
            MultiplyAdd(t + row, x, y, ref a4, ref b4);
            MultiplyAdd(t + twoRows, x, y, ref a5, ref b5);

            x = TSimd.Load(v + step);
            y = TSimd.Load(v + step + TSimd.Count);
            MultiplyAdd(s + 1, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 1, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows + 1, x, y, ref a2, ref b2);
            MultiplyAdd(t + 1, x, y, ref a3, ref b3);
            MultiplyAdd(t + row + 1, x, y, ref a4, ref b4);
            MultiplyAdd(t + twoRows + 1, x, y, ref a5, ref b5);

            x = TSimd.Load(v + 2 * step);
            y = TSimd.Load(v + 2 * step + TSimd.Count);
            MultiplyAdd(s + 2, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 2, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows + 2, x, y, ref a2, ref b2);
            MultiplyAdd(t + 2, x, y, ref a3, ref b3);
            MultiplyAdd(t + row + 2, x, y, ref a4, ref b4);
            MultiplyAdd(t + twoRows + 2, x, y, ref a5, ref b5);

            x = TSimd.Load(v + threeSteps);
            y = TSimd.Load(v + threeSteps + TSimd.Count);
            MultiplyAdd(s + 3, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 3, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows + 3, x, y, ref a2, ref b2);
            MultiplyAdd(t + 3, x, y, ref a3, ref b3);
            MultiplyAdd(t + row + 3, x, y, ref a4, ref b4);
            MultiplyAdd(t + twoRows + 3, x, y, ref a5, ref b5);
            v += fourSteps;
            s += 4;
            t += 4;
        }

        for (; inner > 0; inner--)
        {
            x = TSimd.Load(v);
            y = TSimd.Load(v + TSimd.Count);
            MultiplyAdd(s, x, y, ref a0, ref b0);
            MultiplyAdd(s + row, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows, x, y, ref a2, ref b2);
            MultiplyAdd(t, x, y, ref a3, ref b3);
            MultiplyAdd(t + row, x, y, ref a4, ref b4);
            MultiplyAdd(t + twoRows, x, y, ref a5, ref b5);
            v += step;
            s++;
            t++;
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

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows12(
        T* s, nint row, T* v, nint step, int inner, T* initial, nint initialStep, T* output, nint outputStep)
    {
        TVector a0 = TSimd.Load(initial), b0 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a1 = TSimd.Load(initial), b1 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a2 = TSimd.Load(initial), b2 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a3 = TSimd.Load(initial), b3 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a4 = TSimd.Load(initial), b4 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a5 = TSimd.Load(initial), b5 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a6 = TSimd.Load(initial), b6 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a7 = TSimd.Load(initial), b7 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a8 = TSimd.Load(initial), b8 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a9 = TSimd.Load(initial), b9 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a10 = TSimd.Load(initial), b10 = TSimd.Load(initial + TSimd.Count);
        initial += initialStep;
        TVector a11 = TSimd.Load(initial), b11 = TSimd.Load(initial + TSimd.Count);
        T* t = s + 3 * row, u = t + 3 * row, w = u + 3 * row;
        nint twoRows = 2 * row, threeSteps = 3 * step, fourSteps = 4 * step;
        TVector x, y;
        for (; inner >= 4; inner -= 4)
        {
            x = TSimd.Load(v);
            y = TSimd.Load(v + TSimd.Count);
            MultiplyAdd(s, x, y, ref a0, ref b0);
            MultiplyAdd(s + row, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows, x, y, ref a2, ref b2);
            MultiplyAdd(t, x, y, ref a3, ref b3);
            MultiplyAdd(t + row, x, y, ref a4, ref b4);
            MultiplyAdd(t + twoRows, x, y, ref a5, ref b5);
            MultiplyAdd(u, x, y, ref a6, ref b6);
            MultiplyAdd(u + row, x, y, ref a7, ref b7);
            MultiplyAdd(u + twoRows, x, y, ref a8, ref b8);
            MultiplyAdd(w, x, y, ref a9, ref b9);
            MultiplyAdd(w + row, x, y, ref a10, ref b10);
            MultiplyAdd(w + twoRows, x, y, ref a11, ref b11);

            x = TSimd.Load(v + step);
            y = TSimd.Load(v + step + TSimd.Count);
            MultiplyAdd(s + 1, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 1, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows + 1, x, y, ref a2, ref b2);
            MultiplyAdd(t + 1, x, y, ref a3, ref b3);
            MultiplyAdd(t + row + 1, x, y, ref a4, ref b4);
            MultiplyAdd(t + twoRows + 1, x, y, ref a5, ref b5);
            MultiplyAdd(u + 1, x, y, ref a6, ref b6);
            MultiplyAdd(u + row + 1, x, y, ref a7, ref b7);
            MultiplyAdd(u + twoRows + 1, x, y, ref a8, ref b8);
            MultiplyAdd(w + 1, x, y, ref a9, ref b9);
            MultiplyAdd(w + row + 1, x, y, ref a10, ref b10);
            MultiplyAdd(w + twoRows + 1, x, y, ref a11, ref b11);

            x = TSimd.Load(v + 2 * step);
            y = TSimd.Load(v + 2 * step + TSimd.Count);
            MultiplyAdd(s + 2, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 2, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows + 2, x, y, ref a2, ref b2);
            MultiplyAdd(t + 2, x, y, ref a3, ref b3);
            MultiplyAdd(t + row + 2, x, y, ref a4, ref b4);
            MultiplyAdd(t + twoRows + 2, x, y, ref a5, ref b5);
            MultiplyAdd(u + 2, x, y, ref a6, ref b6);
            MultiplyAdd(u + row + 2, x, y, ref a7, ref b7);
            MultiplyAdd(u + twoRows + 2, x, y, ref a8, ref b8);
            MultiplyAdd(w + 2, x, y, ref a9, ref b9);
            MultiplyAdd(w + row + 2, x, y, ref a10, ref b10);
            MultiplyAdd(w + twoRows + 2, x, y, ref a11, ref b11);

            x = TSimd.Load(v + threeSteps);
            y = TSimd.Load(v + threeSteps + TSimd.Count);
            MultiplyAdd(s + 3, x, y, ref a0, ref b0);
            MultiplyAdd(s + row + 3, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows + 3, x, y, ref a2, ref b2);
            MultiplyAdd(t + 3, x, y, ref a3, ref b3);
            MultiplyAdd(t + row + 3, x, y, ref a4, ref b4);
            MultiplyAdd(t + twoRows + 3, x, y, ref a5, ref b5);
            MultiplyAdd(u + 3, x, y, ref a6, ref b6);
            MultiplyAdd(u + row + 3, x, y, ref a7, ref b7);
            MultiplyAdd(u + twoRows + 3, x, y, ref a8, ref b8);
            MultiplyAdd(w + 3, x, y, ref a9, ref b9);
            MultiplyAdd(w + row + 3, x, y, ref a10, ref b10);
            MultiplyAdd(w + twoRows + 3, x, y, ref a11, ref b11);
            v += fourSteps;
            s += 4;
            t += 4;
            u += 4;
            w += 4;
        }

        for (; inner > 0; inner--)
        {
            x = TSimd.Load(v);
            y = TSimd.Load(v + TSimd.Count);
            MultiplyAdd(s, x, y, ref a0, ref b0);
            MultiplyAdd(s + row, x, y, ref a1, ref b1);
            MultiplyAdd(s + twoRows, x, y, ref a2, ref b2);
            MultiplyAdd(t, x, y, ref a3, ref b3);
            MultiplyAdd(t + row, x, y, ref a4, ref b4);
            MultiplyAdd(t + twoRows, x, y, ref a5, ref b5);
            MultiplyAdd(u, x, y, ref a6, ref b6);
            MultiplyAdd(u + row, x, y, ref a7, ref b7);
            MultiplyAdd(u + twoRows, x, y, ref a8, ref b8);
            MultiplyAdd(w, x, y, ref a9, ref b9);
            MultiplyAdd(w + row, x, y, ref a10, ref b10);
            MultiplyAdd(w + twoRows, x, y, ref a11, ref b11);
            v += step;
            s++;
            t++;
            u++;
            w++;
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
