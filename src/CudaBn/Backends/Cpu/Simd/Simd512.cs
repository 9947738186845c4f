using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CudaBn.Backends.Cpu.Simd;

/// <summary>512-bit registers.</summary>
internal readonly unsafe struct Simd512<T> : ISimd<Vector512<T>, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public static int Count => Vector512<T>.Count;

    public static int MaxRows => 12;

    public static Vector512<T> Zero => Vector512<T>.Zero;

    public static Vector512<T> Indices => Vector512<T>.Indices;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Load(T* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<T> value, T* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Create(T value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> LoadBytes(byte* source)
    {
        if (typeof(T) == typeof(float) && Avx512F.IsSupported)
            return Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(source))).As<float, T>();
        if (typeof(T) == typeof(double) && Avx512F.IsSupported)
            return Avx512F.ConvertToVector512Double(Avx2.ConvertToVector256Int32(source)).As<double, T>();
        return Lanes.LoadNumbers<Vector512<T>, T, byte>(source);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> LoadIntegers(int* source)
    {
        if (typeof(T) == typeof(float))
            return Vector512.ConvertToSingle(Vector512.Load(source)).As<float, T>();
        if (typeof(T) == typeof(double) && Avx512F.IsSupported)
            return Avx512F.ConvertToVector512Double(Vector256.Load(source)).As<double, T>();
        return Lanes.LoadNumbers<Vector512<T>, T, int>(source);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector512<T> value, byte* destination)
    {
        if (typeof(T) == typeof(float) && Avx512F.IsSupported)
            Avx512F.ConvertToVector128Byte(Avx512F.ConvertToVector512Int32WithTruncation(value.AsSingle()))
                .Store(destination);
        else
            Lanes.StoreBytes<Vector512<T>, T>(value, destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Add(Vector512<T> left, Vector512<T> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Subtract(Vector512<T> left, Vector512<T> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Multiply(Vector512<T> left, Vector512<T> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Divide(Vector512<T> left, Vector512<T> right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Sqrt(Vector512<T> value) => Vector512.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> MultiplyAdd(Vector512<T> left, Vector512<T> right, Vector512<T> addend) =>
        typeof(T) == typeof(float)
            ? Vector512.FusedMultiplyAdd(left.AsSingle(), right.AsSingle(), addend.AsSingle()).As<float, T>()
            : Vector512.FusedMultiplyAdd(left.AsDouble(), right.AsDouble(), addend.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Greater(Vector512<T> left, Vector512<T> right)
    {
        if (typeof(T) == typeof(float) && Avx512F.IsSupported)
            return Avx512F.Max(left.AsSingle(), right.AsSingle()).As<float, T>();
        if (typeof(T) == typeof(double) && Avx512F.IsSupported)
            return Avx512F.Max(left.AsDouble(), right.AsDouble()).As<double, T>();
        return Select(GreaterThan(left, right), left, right);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> GreaterThan(Vector512<T> left, Vector512<T> right) =>
        Vector512.GreaterThan(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> NotLessOrEqual(Vector512<T> left, Vector512<T> right)
    {
        if (typeof(T) == typeof(float) && Avx512F.IsSupported)
            return Avx512F.CompareNotLessThanOrEqual(left.AsSingle(), right.AsSingle()).As<float, T>();
        if (typeof(T) == typeof(double) && Avx512F.IsSupported)
            return Avx512F.CompareNotLessThanOrEqual(left.AsDouble(), right.AsDouble()).As<double, T>();
        return ~Vector512.LessThanOrEqual(left, right);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Equal(Vector512<T> left, Vector512<T> right) => Vector512.Equals(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Or(Vector512<T> left, Vector512<T> right) => left | right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> And(Vector512<T> left, Vector512<T> right) => left & right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> AndNot(Vector512<T> left, Vector512<T> right) => Vector512.AndNot(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Select(Vector512<T> mask, Vector512<T> left, Vector512<T> right) =>
        Vector512.ConditionalSelect(mask, left, right);

    public static Vector512<T> CreateIndices(int* lanes)
    {
        if (typeof(T) == typeof(float))
            return Vector512.Load(lanes).As<int, T>();
        var wide = stackalloc long[Count];
        for (var i = 0; i < Count; i++)
            wide[i] = lanes[i];
        return Vector512.Load(wide).As<long, T>();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Permute(Vector512<T> value, Vector512<T> indices) =>
        typeof(T) == typeof(float)
            ? Vector512.ShuffleNative(value.AsSingle(), indices.AsInt32()).As<float, T>()
            : Vector512.ShuffleNative(value.AsDouble(), indices.AsInt64()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> PermuteTwo(Vector512<T> low, Vector512<T> high, Vector512<T> indices)
    {
        if (typeof(T) == typeof(float) && Avx512F.IsSupported)
            return Avx512F.PermuteVar16x32x2(low.AsSingle(), indices.AsInt32(), high.AsSingle()).As<float, T>();
        if (typeof(T) == typeof(double) && Avx512F.IsSupported)
            return Avx512F.PermuteVar8x64x2(low.AsDouble(), indices.AsInt64(), high.AsDouble()).As<double, T>();
        return Lanes.PermuteTwo<Vector512<T>, T>(low, high, indices);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> ExpOfNegative(Vector512<T> value) => typeof(T) == typeof(float)
        ? SingleExp.Of(value.AsSingle()).As<float, T>()
        : Vector512.Exp(value.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Log(Vector512<T> value) => typeof(T) == typeof(float)
        ? Vector512.Log(value.AsSingle()).As<float, T>()
        : Vector512.Log(value.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sum(Vector512<T> value) => Vector512.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double SumInDouble(Vector512<T> value)
    {
        if (typeof(T) != typeof(float))
            return Vector512.Sum(value.AsDouble());
        var (lower, upper) = Vector512.Widen(value.AsSingle());
        return Vector512.Sum(lower + upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Deinterleave(
        Vector512<T> low, Vector512<T> high, out Vector512<T> even, out Vector512<T> odd)
    {
        if (typeof(T) == typeof(float) && Avx512F.IsSupported)
        {
            var evens = Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            even = Avx512F.PermuteVar16x32x2(low.AsSingle(), evens, high.AsSingle()).As<float, T>();
            odd = Avx512F.PermuteVar16x32x2(low.AsSingle(), evens + Vector512<int>.One, high.AsSingle()).As<float, T>();
        }
        else if (typeof(T) == typeof(double) && Avx512F.IsSupported)
        {
            var evens = Vector512.Create(0L, 2, 4, 6, 8, 10, 12, 14);
            even = Avx512F.PermuteVar8x64x2(low.AsDouble(), evens, high.AsDouble()).As<double, T>();
            odd = Avx512F.PermuteVar8x64x2(low.AsDouble(), evens + Vector512<long>.One, high.AsDouble()).As<double, T>();
        }
        else
        {
            Lanes.Deinterleave<Vector512<T>, T>(low, high, out even, out odd);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Interleave(
        Vector512<T> even, Vector512<T> odd, out Vector512<T> low, out Vector512<T> high)
    {
        if (typeof(T) == typeof(float) && Avx512F.IsSupported)
        {
            var first = Vector512.Create(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            low = Avx512F.PermuteVar16x32x2(even.AsSingle(), first, odd.AsSingle()).As<float, T>();
            high = Avx512F.PermuteVar16x32x2(even.AsSingle(), first + Vector512.Create(8), odd.AsSingle()).As<float, T>();
        }
        else if (typeof(T) == typeof(double) && Avx512F.IsSupported)
        {
            var first = Vector512.Create(0L, 8, 1, 9, 2, 10, 3, 11);
            low = Avx512F.PermuteVar8x64x2(even.AsDouble(), first, odd.AsDouble()).As<double, T>();
            high = Avx512F.PermuteVar8x64x2(even.AsDouble(), first + Vector512.Create(4L), odd.AsDouble()).As<double, T>();
        }
        else
        {
            Lanes.Interleave<Vector512<T>, T>(even, odd, out low, out high);
        }
    }

    public static void Transpose(T* source, nint sourceStride, T* destination, nint destinationStride)
    {
        if (typeof(T) == typeof(float) && Avx512F.IsSupported)
            TransposeSingle((float*)source, sourceStride, (float*)destination, destinationStride);
        else
            Lanes.Transpose(source, sourceStride, destination, destinationStride, Count);
    }

    // Four rounds: 32-bit and 64-bit unpacking inside the 128-bit quarters, then the quarters themselves twice.
    [MethodImpl(Compiled.AsLoop)]
    private static void TransposeSingle(float* s, nint ss, float* d, nint ds)
    {
        var a0 = Vector512.Load(s + 0 * ss);
        var a1 = Vector512.Load(s + 1 * ss);
        var a2 = Vector512.Load(s + 2 * ss);
        var a3 = Vector512.Load(s + 3 * ss);
        var a4 = Vector512.Load(s + 4 * ss);
        var a5 = Vector512.Load(s + 5 * ss);
        var a6 = Vector512.Load(s + 6 * ss);
        var a7 = Vector512.Load(s + 7 * ss);
        var a8 = Vector512.Load(s + 8 * ss);
        var a9 = Vector512.Load(s + 9 * ss);
        var a10 = Vector512.Load(s + 10 * ss);
        var a11 = Vector512.Load(s + 11 * ss);
        var a12 = Vector512.Load(s + 12 * ss);
        var a13 = Vector512.Load(s + 13 * ss);
        var a14 = Vector512.Load(s + 14 * ss);
        var a15 = Vector512.Load(s + 15 * ss);
        var b0 = Avx512F.UnpackLow(a0, a1).AsDouble();
        var b1 = Avx512F.UnpackHigh(a0, a1).AsDouble();
        var b2 = Avx512F.UnpackLow(a2, a3).AsDouble();
        var b3 = Avx512F.UnpackHigh(a2, a3).AsDouble();
        var b4 = Avx512F.UnpackLow(a4, a5).AsDouble();
        var b5 = Avx512F.UnpackHigh(a4, a5).AsDouble();
        var b6 = Avx512F.UnpackLow(a6, a7).AsDouble();
        var b7 = Avx512F.UnpackHigh(a6, a7).AsDouble();
        var b8 = Avx512F.UnpackLow(a8, a9).AsDouble();
        var b9 = Avx512F.UnpackHigh(a8, a9).AsDouble();
        var b10 = Avx512F.UnpackLow(a10, a11).AsDouble();
        var b11 = Avx512F.UnpackHigh(a10, a11).AsDouble();
        var b12 = Avx512F.UnpackLow(a12, a13).AsDouble();
        var b13 = Avx512F.UnpackHigh(a12, a13).AsDouble();
        var b14 = Avx512F.UnpackLow(a14, a15).AsDouble();
        var b15 = Avx512F.UnpackHigh(a14, a15).AsDouble();
        var c0 = Avx512F.UnpackLow(b0, b2).AsSingle();
        var c1 = Avx512F.UnpackHigh(b0, b2).AsSingle();
        var c2 = Avx512F.UnpackLow(b1, b3).AsSingle();
        var c3 = Avx512F.UnpackHigh(b1, b3).AsSingle();
        var c4 = Avx512F.UnpackLow(b4, b6).AsSingle();
        var c5 = Avx512F.UnpackHigh(b4, b6).AsSingle();
        var c6 = Avx512F.UnpackLow(b5, b7).AsSingle();
        var c7 = Avx512F.UnpackHigh(b5, b7).AsSingle();
        var c8 = Avx512F.UnpackLow(b8, b10).AsSingle();
        var c9 = Avx512F.UnpackHigh(b8, b10).AsSingle();
        var c10 = Avx512F.UnpackLow(b9, b11).AsSingle();
        var c11 = Avx512F.UnpackHigh(b9, b11).AsSingle();
        var c12 = Avx512F.UnpackLow(b12, b14).AsSingle();
        var c13 = Avx512F.UnpackHigh(b12, b14).AsSingle();
        var c14 = Avx512F.UnpackLow(b13, b15).AsSingle();
        var c15 = Avx512F.UnpackHigh(b13, b15).AsSingle();
        var e0 = Avx512F.Shuffle4x128(c0, c4, 0x44);
        var f0 = Avx512F.Shuffle4x128(c0, c4, 0xEE);
        var g0 = Avx512F.Shuffle4x128(c8, c12, 0x44);
        var h0 = Avx512F.Shuffle4x128(c8, c12, 0xEE);
        Avx512F.Shuffle4x128(e0, g0, 0x88).Store(d + 0 * ds);
        Avx512F.Shuffle4x128(e0, g0, 0xDD).Store(d + 4 * ds);
        Avx512F.Shuffle4x128(f0, h0, 0x88).Store(d + 8 * ds);
        Avx512F.Shuffle4x128(f0, h0, 0xDD).Store(d + 12 * ds);
        var e1 = Avx512F.Shuffle4x128(c1, c5, 0x44);
        var f1 = Avx512F.Shuffle4x128(c1, c5, 0xEE);
        var g1 = Avx512F.Shuffle4x128(c9, c13, 0x44);
        var h1 = Avx512F.Shuffle4x128(c9, c13, 0xEE);
        Avx512F.Shuffle4x128(e1, g1, 0x88).Store(d + 1 * ds);
        Avx512F.Shuffle4x128(e1, g1, 0xDD).Store(d + 5 * ds);
        Avx512F.Shuffle4x128(f1, h1, 0x88).Store(d + 9 * ds);
        Avx512F.Shuffle4x128(f1, h1, 0xDD).Store(d + 13 * ds);
        var e2 = Avx512F.Shuffle4x128(c2, c6, 0x44);
        var f2 = Avx512F.Shuffle4x128(c2, c6, 0xEE);
        var g2 = Avx512F.Shuffle4x128(c10, c14, 0x44);
        var h2 = Avx512F.Shuffle4x128(c10, c14, 0xEE);
        Avx512F.Shuffle4x128(e2, g2, 0x88).Store(d + 2 * ds);
        Avx512F.Shuffle4x128(e2, g2, 0xDD).Store(d + 6 * ds);
        Avx512F.Shuffle4x128(f2, h2, 0x88).Store(d + 10 * ds);
        Avx512F.Shuffle4x128(f2, h2, 0xDD).Store(d + 14 * ds);
        var e3 = Avx512F.Shuffle4x128(c3, c7, 0x44);
        var f3 = Avx512F.Shuffle4x128(c3, c7, 0xEE);
        var g3 = Avx512F.Shuffle4x128(c11, c15, 0x44);
        var h3 = Avx512F.Shuffle4x128(c11, c15, 0xEE);
        Avx512F.Shuffle4x128(e3, g3, 0x88).Store(d + 3 * ds);
        Avx512F.Shuffle4x128(e3, g3, 0xDD).Store(d + 7 * ds);
        Avx512F.Shuffle4x128(f3, h3, 0x88).Store(d + 11 * ds);
        Avx512F.Shuffle4x128(f3, h3, 0xDD).Store(d + 15 * ds);
    }
}
