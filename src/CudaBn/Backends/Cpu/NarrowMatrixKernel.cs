using System.Numerics;
using System.Runtime.CompilerServices;
using CudaBn.Backends.Cpu.Simd;

namespace CudaBn.Backends.Cpu;

/// <summary>The innermost loops of the matrix product where no more than one register of columns is left, as of the ten
/// classes of a last layer: <see cref="MatrixKernel{TSimd, TVector, T}"/> with half of the work.</summary>
internal static unsafe class NarrowMatrixKernel<TSimd, TVector, T>
    where TSimd : struct, ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>output = initial + left * right, all of one register of columns.</summary>
    /// <param name="left">2, 4, 6, 8, 10 or 12 rows, each in one piece.</param>
    /// <param name="right">As many registers as the left factor has columns.</param>
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
        for (var rows = left.Rows; rows > 0;)
        {
            // Six sums have a multiply-add in every cycle; 8 rows are twice four.
            var some = rows is 6 or 10 or 12 ? 6 : Math.Min(rows, 4);
            switch (some)
            {
                case 6: Rows6(s, row, v, step, inner, initial, initialStep, output, outputStep); break;
                case 4: Rows4(s, row, v, step, inner, initial, initialStep, output, outputStep); break;
                default: Rows2(s, row, v, step, inner, initial, initialStep, output, outputStep); break;
            }

            rows -= some;
            s += some * row;
            initial += some * initialStep;
            output += some * outputStep;
        }
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows2(
        T* s, nint row, T* v, nint step, int inner, T* initial, nint initialStep, T* output, nint outputStep)
    {
        var a0 = TSimd.Load(initial);
        var a1 = TSimd.Load(initial + initialStep);
        for (; inner > 0; inner--)
        {
            var x = TSimd.Load(v);
            a0 = TSimd.MultiplyAdd(TSimd.Create(*s), x, a0);
            a1 = TSimd.MultiplyAdd(TSimd.Create(*(s + row)), x, a1);
            v += step;
            s++;
        }

        TSimd.Store(a0, output);
        TSimd.Store(a1, output + outputStep);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows4(
        T* s, nint row, T* v, nint step, int inner, T* initial, nint initialStep, T* output, nint outputStep)
    {
        var a0 = TSimd.Load(initial);
        var a1 = TSimd.Load(initial + initialStep);
        var a2 = TSimd.Load(initial + 2 * initialStep);
        var a3 = TSimd.Load(initial + 3 * initialStep);
        nint twoRows = 2 * row, threeRows = 3 * row;
        for (; inner > 0; inner--)
        {
            var x = TSimd.Load(v);
            a0 = TSimd.MultiplyAdd(TSimd.Create(*s), x, a0);
            a1 = TSimd.MultiplyAdd(TSimd.Create(*(s + row)), x, a1);
            a2 = TSimd.MultiplyAdd(TSimd.Create(*(s + twoRows)), x, a2);
            a3 = TSimd.MultiplyAdd(TSimd.Create(*(s + threeRows)), x, a3);
            v += step;
            s++;
        }

        TSimd.Store(a0, output);
        TSimd.Store(a1, output + outputStep);
        TSimd.Store(a2, output + 2 * outputStep);
        TSimd.Store(a3, output + 3 * outputStep);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Rows6(
        T* s, nint row, T* v, nint step, int inner, T* initial, nint initialStep, T* output, nint outputStep)
    {
        var a0 = TSimd.Load(initial);
        var a1 = TSimd.Load(initial + initialStep);
        var a2 = TSimd.Load(initial + 2 * initialStep);
        var a3 = TSimd.Load(initial + 3 * initialStep);
        var a4 = TSimd.Load(initial + 4 * initialStep);
        var a5 = TSimd.Load(initial + 5 * initialStep);
        T* t = s + 3 * row;
        nint twoRows = 2 * row;
        for (; inner > 0; inner--)
        {
            var x = TSimd.Load(v);
            a0 = TSimd.MultiplyAdd(TSimd.Create(*s), x, a0);
            a1 = TSimd.MultiplyAdd(TSimd.Create(*(s + row)), x, a1);
            a2 = TSimd.MultiplyAdd(TSimd.Create(*(s + twoRows)), x, a2);
            a3 = TSimd.MultiplyAdd(TSimd.Create(*t), x, a3);
            a4 = TSimd.MultiplyAdd(TSimd.Create(*(t + row)), x, a4);
            a5 = TSimd.MultiplyAdd(TSimd.Create(*(t + twoRows)), x, a5);
            v += step;
            s++;
            t++;
        }

        TSimd.Store(a0, output);
        TSimd.Store(a1, output + outputStep);
        TSimd.Store(a2, output + 2 * outputStep);
        TSimd.Store(a3, output + 3 * outputStep);
        TSimd.Store(a4, output + 4 * outputStep);
        TSimd.Store(a5, output + 5 * outputStep);
    }
}
