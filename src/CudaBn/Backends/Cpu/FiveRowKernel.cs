using System.Numerics;
using System.Runtime.CompilerServices;
using CudaBn.Backends.Cpu.Simd;

namespace CudaBn.Backends.Cpu;

/// <summary>The micro-kernel of five rows: kernels five wide on one channel, the first layer of many small networks, have
/// five rows of sums for the input gradient, and a sixth of zeros would cost a sixth of the time.</summary>
internal static unsafe class FiveRowKernel<TSimd, TVector, T>
    where TSimd : struct, ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 5;

    /// <summary>As <see cref="MicroKernel{TSimd, TVector, T}.Run"/>, for five rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(
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
    }
}
