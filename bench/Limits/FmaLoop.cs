using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace CudaBn.Bench;

/// <summary>Multiply-adds on registers alone, as many at a time as the processor has room for: nothing computes
/// faster.</summary>
internal static class FmaLoop
{
    // Two units of four cycles want eight chains; twelve still fit the sixteen registers of 256 bits.
    private const int Chains = 12;

    /// <summary>Runs the loop on the widest registers there are.</summary>
    /// <returns>Floating-point operations done.</returns>
    public static long Run(int iterations)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Run512(iterations);
            return 2L * Chains * Vector512<float>.Count * iterations;
        }

        if (Vector256.IsHardwareAccelerated)
        {
            Run256(iterations);
            return 2L * Chains * Vector256<float>.Count * iterations;
        }

        Run128(iterations);
        return 2L * Chains * Vector128<float>.Count * iterations;
    }

    // Every chain nears 1, so that no number is ever slow or special; the sum keeps the loop from being dropped.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Run512(int iterations)
    {
        var scale = Vector512.Create(0.999f);
        var shift = Vector512.Create(0.001f);
        var (a, b, c, d) = (shift, shift + shift, shift * shift, scale);
        var (e, f, g, h) = (scale * scale, scale + shift, scale - shift, scale + scale);
        var (i, j, k, l) = (a + h, b + h, c + h, d + h);
        for (var n = 0; n < iterations; n++)
        {
            a = Vector512.FusedMultiplyAdd(a, scale, shift);
            b = Vector512.FusedMultiplyAdd(b, scale, shift);
            c = Vector512.FusedMultiplyAdd(c, scale, shift);
            d = Vector512.FusedMultiplyAdd(d, scale, shift);
            e = Vector512.FusedMultiplyAdd(e, scale, shift);
            f = Vector512.FusedMultiplyAdd(f, scale, shift);
            g = Vector512.FusedMultiplyAdd(g, scale, shift);
            h = Vector512.FusedMultiplyAdd(h, scale, shift);
            i = Vector512.FusedMultiplyAdd(i, scale, shift);
            j = Vector512.FusedMultiplyAdd(j, scale, shift);
            k = Vector512.FusedMultiplyAdd(k, scale, shift);
            l = Vector512.FusedMultiplyAdd(l, scale, shift);
        }

        return Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Run256(int iterations)
    {
        var scale = Vector256.Create(0.999f);
        var shift = Vector256.Create(0.001f);
        var (a, b, c, d) = (shift, shift + shift, shift * shift, scale);
        var (e, f, g, h) = (scale * scale, scale + shift, scale - shift, scale + scale);
        var (i, j, k, l) = (a + h, b + h, c + h, d + h);
        for (var n = 0; n < iterations; n++)
        {
            a = Vector256.FusedMultiplyAdd(a, scale, shift);
            b = Vector256.FusedMultiplyAdd(b, scale, shift);
            c = Vector256.FusedMultiplyAdd(c, scale, shift);
            d = Vector256.FusedMultiplyAdd(d, scale, shift);
            e = Vector256.FusedMultiplyAdd(e, scale, shift);
            f = Vector256.FusedMultiplyAdd(f, scale, shift);
            g = Vector256.FusedMultiplyAdd(g, scale, shift);
            h = Vector256.FusedMultiplyAdd(h, scale, shift);
            i = Vector256.FusedMultiplyAdd(i, scale, shift);
            j = Vector256.FusedMultiplyAdd(j, scale, shift);
            k = Vector256.FusedMultiplyAdd(k, scale, shift);
            l = Vector256.FusedMultiplyAdd(l, scale, shift);
        }

        return Vector256.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Run128(int iterations)
    {
        var scale = Vector128.Create(0.999f);
        var shift = Vector128.Create(0.001f);
        var (a, b, c, d) = (shift, shift + shift, shift * shift, scale);
        var (e, f, g, h) = (scale * scale, scale + shift, scale - shift, scale + scale);
        var (i, j, k, l) = (a + h, b + h, c + h, d + h);
        for (var n = 0; n < iterations; n++)
        {
            a = Vector128.FusedMultiplyAdd(a, scale, shift);
            b = Vector128.FusedMultiplyAdd(b, scale, shift);
            c = Vector128.FusedMultiplyAdd(c, scale, shift);
            d = Vector128.FusedMultiplyAdd(d, scale, shift);
            e = Vector128.FusedMultiplyAdd(e, scale, shift);
            f = Vector128.FusedMultiplyAdd(f, scale, shift);
            g = Vector128.FusedMultiplyAdd(g, scale, shift);
            h = Vector128.FusedMultiplyAdd(h, scale, shift);
            i = Vector128.FusedMultiplyAdd(i, scale, shift);
            j = Vector128.FusedMultiplyAdd(j, scale, shift);
            k = Vector128.FusedMultiplyAdd(k, scale, shift);
            l = Vector128.FusedMultiplyAdd(l, scale, shift);
        }

        return Vector128.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }
}
