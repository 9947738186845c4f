using System.Numerics;

namespace CudaBn.Backends.Cpu.Simd;

/// <summary>One element at a time: what runs where there are no vector registers, and what the vector paths are
/// compared with.</summary>
internal readonly unsafe struct SimdScalar<T> : ISimd<T, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public static int Count => 1;

    public static int MaxRows => 6;

    public static T Zero => T.Zero;

    public static T Indices => T.Zero;

    private static T AllBits => T.CreateTruncating(BitConverter.Int64BitsToDouble(-1));

    public static T Load(T* source) => *source;

    public static void Store(T value, T* destination) => *destination = value;

    public static T Create(T value) => value;

    public static T LoadBytes(byte* source) => T.CreateTruncating(*source);

    public static T LoadIntegers(int* source) => T.CreateTruncating(*source);

    public static void StoreBytes(T value, byte* destination) => *destination = byte.CreateTruncating(value);

    public static T Add(T left, T right) => left + right;

    public static T Subtract(T left, T right) => left - right;

    public static T Multiply(T left, T right) => left * right;

    public static T Divide(T left, T right) => left / right;

    public static T Sqrt(T value) => T.Sqrt(value);

    public static T MultiplyAdd(T left, T right, T addend) => T.MultiplyAddEstimate(left, right, addend);

    public static T Greater(T left, T right) => left > right ? left : right;

    public static T GreaterThan(T left, T right) => left > right ? AllBits : T.Zero;

    public static T NotLessOrEqual(T left, T right) => left <= right ? T.Zero : AllBits;

    public static T Equal(T left, T right) => left == right ? AllBits : T.Zero;

    // A mask is all bits or none, and all bits are a NaN: so masks combine by asking which they are.
    public static T Or(T left, T right) => T.IsNaN(left) ? left : right;

    public static T And(T left, T right) => T.IsNaN(left) ? right : T.IsNaN(right) ? left : T.Zero;

    public static T AndNot(T left, T right) => T.IsNaN(right) ? T.Zero : left;

    public static T Select(T mask, T left, T right) => T.IsNaN(mask) ? left : right;

    public static T ExpOfNegative(T value) => T.Exp(value);

    public static T Log(T value) => T.Log(value);

    public static T Sum(T value) => value;

    public static double SumInDouble(T value) => double.CreateTruncating(value);

    public static T CreateIndices(int* lanes) => T.CreateTruncating(*lanes);

    public static T Permute(T value, T indices) => value;

    public static T PermuteTwo(T low, T high, T indices) => indices == T.Zero ? low : high;

    public static void Transpose(T* source, nint sourceStride, T* destination, nint destinationStride) =>
        *destination = *source;

    public static void Deinterleave(T low, T high, out T even, out T odd) => (even, odd) = (low, high);

    public static void Interleave(T even, T odd, out T low, out T high) => (low, high) = (even, odd);
}
