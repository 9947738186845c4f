using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CudaBn.Backends.Cpu.Simd;

/// <summary>256-bit registers.</summary>
internal readonly unsafe struct Simd256<T> : ISimd<Vector256<T>, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public static int Count => Vector256<T>.Count;

    // 16 registers: 6 x 2 accumulators, two sources and one broadcast.
    public static int MaxRows => 6;

    public static Vector256<T> Zero => Vector256<T>.Zero;

    public static Vector256<T> Indices => Vector256<T>.Indices;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Load(T* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<T> value, T* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Create(T value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> LoadBytes(byte* source)
    {
        if (typeof(T) == typeof(float) && Avx2.IsSupported)
            return Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(source)).As<float, T>();
        if (typeof(T) == typeof(double) && Avx.IsSupported)
            return Avx.ConvertToVector256Double(Sse41.ConvertToVector128Int32(source)).As<double, T>();
        return Lanes.LoadNumbers<Vector256<T>, T, byte>(source);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> LoadIntegers(int* source)
    {
        if (typeof(T) == typeof(float))
            return Vector256.ConvertToSingle(Vector256.Load(source)).As<float, T>();
        if (typeof(T) == typeof(double) && Avx.IsSupported)
            return Avx.ConvertToVector256Double(Vector128.Load(source)).As<double, T>();
        return Lanes.LoadNumbers<Vector256<T>, T, int>(source);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector256<T> value, byte* destination)
    {
        if (typeof(T) == typeof(float) && Avx.IsSupported)
        {
            var numbers = Avx.ConvertToVector256Int32WithTruncation(value.AsSingle());
            var words = Sse41.PackUnsignedSaturate(numbers.GetLower(), numbers.GetUpper()).AsInt16();
            Unsafe.WriteUnaligned(destination, Sse2.PackUnsignedSaturate(words, words).AsUInt64().ToScalar());
        }
        else if (typeof(T) == typeof(double) && Avx.IsSupported)
        {
            var numbers = Avx.ConvertToVector128Int32(value.AsDouble());
            var words = Sse41.PackUnsignedSaturate(numbers, numbers).AsInt16();
            Unsafe.WriteUnaligned(destination, Sse2.PackUnsignedSaturate(words, words).AsUInt32().ToScalar());
        }
        else
        {
            Lanes.StoreBytes<Vector256<T>, T>(value, destination);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Add(Vector256<T> left, Vector256<T> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Subtract(Vector256<T> left, Vector256<T> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Multiply(Vector256<T> left, Vector256<T> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Divide(Vector256<T> left, Vector256<T> right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Sqrt(Vector256<T> value) => Vector256.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> MultiplyAdd(Vector256<T> left, Vector256<T> right, Vector256<T> addend) =>
        typeof(T) == typeof(float)
            ? Vector256.FusedMultiplyAdd(left.AsSingle(), right.AsSingle(), addend.AsSingle()).As<float, T>()
            : Vector256.FusedMultiplyAdd(left.AsDouble(), right.AsDouble(), addend.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Greater(Vector256<T> left, Vector256<T> right)
    {
        if (typeof(T) == typeof(float) && Avx.IsSupported)
            return Avx.Max(left.AsSingle(), right.AsSingle()).As<float, T>();
        if (typeof(T) == typeof(double) && Avx.IsSupported)
            return Avx.Max(left.AsDouble(), right.AsDouble()).As<double, T>();
        return Select(GreaterThan(left, right), left, right);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> GreaterThan(Vector256<T> left, Vector256<T> right) =>
        Vector256.GreaterThan(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> NotLessOrEqual(Vector256<T> left, Vector256<T> right)
    {
        if (typeof(T) == typeof(float) && Avx.IsSupported)
            return Avx.CompareNotLessThanOrEqual(left.AsSingle(), right.AsSingle()).As<float, T>();
        if (typeof(T) == typeof(double) && Avx.IsSupported)
            return Avx.CompareNotLessThanOrEqual(left.AsDouble(), right.AsDouble()).As<double, T>();
        return ~Vector256.LessThanOrEqual(left, right);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Equal(Vector256<T> left, Vector256<T> right) => Vector256.Equals(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Or(Vector256<T> left, Vector256<T> right) => left | right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> And(Vector256<T> left, Vector256<T> right) => left & right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> AndNot(Vector256<T> left, Vector256<T> right) => Vector256.AndNot(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Select(Vector256<T> mask, Vector256<T> left, Vector256<T> right)
    {
        // One instruction for the three of a bitwise selection: the masks here are whole lanes.
        if (typeof(T) == typeof(float) && Avx.IsSupported)
            return Avx.BlendVariable(right.AsSingle(), left.AsSingle(), mask.AsSingle()).As<float, T>();
        if (typeof(T) == typeof(double) && Avx.IsSupported)
            return Avx.BlendVariable(right.AsDouble(), left.AsDouble(), mask.AsDouble()).As<double, T>();
        return Vector256.ConditionalSelect(mask, left, right);
    }

    public static Vector256<T> CreateIndices(int* lanes)
    {
        if (typeof(T) == typeof(float))
            return Vector256.Load(lanes).As<int, T>();
        var wide = stackalloc long[Count];
        for (var i = 0; i < Count; i++)
            wide[i] = lanes[i];
        return Vector256.Load(wide).As<long, T>();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Permute(Vector256<T> value, Vector256<T> indices) =>
        typeof(T) == typeof(float)
            ? Vector256.ShuffleNative(value.AsSingle(), indices.AsInt32()).As<float, T>()
            : Vector256.ShuffleNative(value.AsDouble(), indices.AsInt64()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> PermuteTwo(Vector256<T> low, Vector256<T> high, Vector256<T> indices)
    {
        if (typeof(T) == typeof(float))
        {
            var last = Vector256.Create(Count - 1);
            var isHigh = Vector256.GreaterThan(indices.AsInt32(), last).As<int, T>();
            var lanes = (indices.AsInt32() & last).As<int, T>();
            return Select(isHigh, Permute(high, lanes), Permute(low, lanes));
        }
        else
        {
            var last = Vector256.Create(Count - 1L);
            var isHigh = Vector256.GreaterThan(indices.AsInt64(), last).As<long, T>();
            var lanes = (indices.AsInt64() & last).As<long, T>();
            return Select(isHigh, Permute(high, lanes), Permute(low, lanes));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> ExpOfNegative(Vector256<T> value) => typeof(T) == typeof(float)
        ? SingleExp.Of(value.AsSingle()).As<float, T>()
        : Vector256.Exp(value.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Log(Vector256<T> value) => typeof(T) == typeof(float)
        ? Vector256.Log(value.AsSingle()).As<float, T>()
        : Vector256.Log(value.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sum(Vector256<T> value) => Vector256.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double SumInDouble(Vector256<T> value)
    {
        if (typeof(T) != typeof(float))
            return Vector256.Sum(value.AsDouble());
        var (lower, upper) = Vector256.Widen(value.AsSingle());
        return Vector256.Sum(lower + upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Deinterleave(Vector256<T> low, Vector256<T> high, out Vector256<T> even, out Vector256<T> odd)
    {
        // Both halves of each source first; the permutation brings the pairs of the two sources apart.
        if (typeof(T) == typeof(float) && Avx2.IsSupported)
        {
            var evens = Avx.Shuffle(low.AsSingle(), high.AsSingle(), 0b10_00_10_00);
            var odds = Avx.Shuffle(low.AsSingle(), high.AsSingle(), 0b11_01_11_01);
            even = Avx2.Permute4x64(evens.AsDouble(), 0b11_01_10_00).As<double, T>();
            odd = Avx2.Permute4x64(odds.AsDouble(), 0b11_01_10_00).As<double, T>();
        }
        else if (typeof(T) == typeof(double) && Avx2.IsSupported)
        {
            even = Avx2.Permute4x64(Avx.UnpackLow(low.AsDouble(), high.AsDouble()), 0b11_01_10_00).As<double, T>();
            odd = Avx2.Permute4x64(Avx.UnpackHigh(low.AsDouble(), high.AsDouble()), 0b11_01_10_00).As<double, T>();
        }
        else
        {
            Lanes.Deinterleave<Vector256<T>, T>(low, high, out even, out odd);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Interleave(Vector256<T> even, Vector256<T> odd, out Vector256<T> low, out Vector256<T> high)
    {
        if (typeof(T) == typeof(float) && Avx.IsSupported)
        {
            var first = Avx.UnpackLow(even.AsSingle(), odd.AsSingle());
            var second = Avx.UnpackHigh(even.AsSingle(), odd.AsSingle());
            low = Avx.Permute2x128(first, second, 0x20).As<float, T>();
            high = Avx.Permute2x128(first, second, 0x31).As<float, T>();
        }
        else if (typeof(T) == typeof(double) && Avx.IsSupported)
        {
            var first = Avx.UnpackLow(even.AsDouble(), odd.AsDouble());
            var second = Avx.UnpackHigh(even.AsDouble(), odd.AsDouble());
            low = Avx.Permute2x128(first, second, 0x20).As<double, T>();
            high = Avx.Permute2x128(first, second, 0x31).As<double, T>();
        }
        else
        {
            Lanes.Interleave<Vector256<T>, T>(even, odd, out low, out high);
        }
    }

    public static void Transpose(T* source, nint sourceStride, T* destination, nint destinationStride)
    {
        if (typeof(T) == typeof(float) && Avx.IsSupported)
            TransposeSingle((float*)source, sourceStride, (float*)destination, destinationStride);
        else if (typeof(T) == typeof(double) && Avx.IsSupported)
            TransposeDouble((double*)source, sourceStride, (double*)destination, destinationStride);
        else
            Lanes.Transpose(source, sourceStride, destination, destinationStride, Count);
    }

    // Three rounds: 32-bit and 64-bit unpacking inside the halves, then the halves themselves.
    [MethodImpl(Compiled.AsLoop)]
    private static void TransposeSingle(float* s, nint ss, float* d, nint ds)
    {
        var a0 = Vector256.Load(s + 0 * ss);
        var a1 = Vector256.Load(s + 1 * ss);
        var a2 = Vector256.Load(s + 2 * ss);
        var a3 = Vector256.Load(s + 3 * ss);
        var a4 = Vector256.Load(s + 4 * ss);
        var a5 = Vector256.Load(s + 5 * ss);
        var a6 = Vector256.Load(s + 6 * ss);
        var a7 = Vector256.Load(s + 7 * ss);
        var b0 = Avx.UnpackLow(a0, a1).AsDouble();
        var b1 = Avx.UnpackHigh(a0, a1).AsDouble();
        var b2 = Avx.UnpackLow(a2, a3).AsDouble();
        var b3 = Avx.UnpackHigh(a2, a3).AsDouble();
        var b4 = Avx.UnpackLow(a4, a5).AsDouble();
        var b5 = Avx.UnpackHigh(a4, a5).AsDouble();
        var b6 = Avx.UnpackLow(a6, a7).AsDouble();
        var b7 = Avx.UnpackHigh(a6, a7).AsDouble();
        var c0 = Avx.UnpackLow(b0, b2).AsSingle();
        var c1 = Avx.UnpackHigh(b0, b2).AsSingle();
        var c2 = Avx.UnpackLow(b1, b3).AsSingle();
        var c3 = Avx.UnpackHigh(b1, b3).AsSingle();
        var c4 = Avx.UnpackLow(b4, b6).AsSingle();
        var c5 = Avx.UnpackHigh(b4, b6).AsSingle();
        var c6 = Avx.UnpackLow(b5, b7).AsSingle();
        var c7 = Avx.UnpackHigh(b5, b7).AsSingle();
        Avx.Permute2x128(c0, c4, 0x20).Store(d + 0 * ds);
        Avx.Permute2x128(c0, c4, 0x31).Store(d + 4 * ds);
        Avx.Permute2x128(c1, c5, 0x20).Store(d + 1 * ds);
        Avx.Permute2x128(c1, c5, 0x31).Store(d + 5 * ds);
        Avx.Permute2x128(c2, c6, 0x20).Store(d + 2 * ds);
        Avx.Permute2x128(c2, c6, 0x31).Store(d + 6 * ds);
        Avx.Permute2x128(c3, c7, 0x20).Store(d + 3 * ds);
        Avx.Permute2x128(c3, c7, 0x31).Store(d + 7 * ds);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void TransposeDouble(double* s, nint ss, double* d, nint ds)
    {
        var a0 = Vector256.Load(s + 0 * ss);
        var a1 = Vector256.Load(s + 1 * ss);
        var a2 = Vector256.Load(s + 2 * ss);
        var a3 = Vector256.Load(s + 3 * ss);
        var b0 = Avx.UnpackLow(a0, a1);
        var b1 = Avx.UnpackHigh(a0, a1);
        var b2 = Avx.UnpackLow(a2, a3);
        var b3 = Avx.UnpackHigh(a2, a3);
        Avx.Permute2x128(b0, b2, 0x20).Store(d + 0 * ds);
        Avx.Permute2x128(b1, b3, 0x20).Store(d + 1 * ds);
        Avx.Permute2x128(b0, b2, 0x31).Store(d + 2 * ds);
        Avx.Permute2x128(b1, b3, 0x31).Store(d + 3 * ds);
    }
}
