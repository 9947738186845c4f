using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace CudaBn.Backends.Cpu.Simd;

/// <summary>e to the power of numbers that are not above zero, in single precision throughout: the one of the framework,
/// which is right for every number, goes by way of double precision and takes several times as long.</summary>
/// <remarks>x = n * log(2) + r with n whole and |r| at most log(2) / 2, e^r by the polynomial of expf in Moshier's Cephes
/// library; off by less than 1.5 * 2^-24 of itself. Powers below the smallest normal number are 0; NaN stays
/// NaN.</remarks>
internal static class SingleExp
{
    private const float Log2E = 1.44269504f;

    // log(2) in two parts, of which the first has so few digits that a multiple of it is exact.
    private const float Log2High = 0.693359375f;
    private const float Log2Low = -2.12194440e-4f;

    // The logarithm of the smallest normal number.
    private const float Smallest = -87.3365448f;

    // Added to a number it leaves its nearest whole one in the lowest bits, as there is room for no digits behind it.
    private const float Rounding = 1.5f * (1 << 23);

    private const int MantissaBits = 23;
    private const float C2 = 5.0000001201e-1f;
    private const float C3 = 1.6666665459e-1f;
    private const float C4 = 4.1665795894e-2f;
    private const float C5 = 8.3334519073e-3f;
    private const float C6 = 1.3981999507e-3f;
    private const float C7 = 1.9875691500e-4f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Of(Vector256<float> x)
    {
        var rounded = Vector256.FusedMultiplyAdd(x, Vector256.Create(Log2E), Vector256.Create(Rounding));
        var n = rounded - Vector256.Create(Rounding);
        var r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-Log2High), x);
        r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-Log2Low), r);
        var p = Vector256.FusedMultiplyAdd(r, Vector256.Create(C7), Vector256.Create(C6));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(C5));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(C4));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(C3));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(C2));
        p = Vector256.FusedMultiplyAdd(p, r * r, r) + Vector256<float>.One;
        var power = (rounded.AsInt32() << MantissaBits) + Vector256<float>.One.AsInt32();
        return Vector256.AndNot(p * power.AsSingle(), Vector256.LessThan(x, Vector256.Create(Smallest)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> x)
    {
        var rounded = Vector512.FusedMultiplyAdd(x, Vector512.Create(Log2E), Vector512.Create(Rounding));
        var n = rounded - Vector512.Create(Rounding);
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Log2High), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Log2Low), r);
        var p = Vector512.FusedMultiplyAdd(r, Vector512.Create(C7), Vector512.Create(C6));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(C5));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(C4));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(C3));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(C2));
        p = Vector512.FusedMultiplyAdd(p, r * r, r) + Vector512<float>.One;
        var power = (rounded.AsInt32() << MantissaBits) + Vector512<float>.One.AsInt32();
        // A choice takes the comparison as it is; an "and" would have to make a vector of it.
        return Vector512.ConditionalSelect(
            Vector512.LessThan(x, Vector512.Create(Smallest)), Vector512<float>.Zero, p * power.AsSingle());
    }
}
