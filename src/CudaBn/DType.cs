namespace CudaBn;

/// <summary>The element type of a <see cref="Tensor"/>.</summary>
/// <remarks>Layers compute in <see cref="Float32"/> or <see cref="Float64"/>. The integer types carry pixels,
/// labels, indices and counters.</remarks>
public enum DType
{
    /// <summary>IEEE 754 binary32.</summary>
    Float32,

    /// <summary>IEEE 754 binary64.</summary>
    Float64,

    /// <summary>Unsigned 8-bit integers: pixels and labels as they are stored in a data set.</summary>
    UInt8,

    /// <summary>Signed 32-bit integers: class labels and indices.</summary>
    Int32,

    /// <summary>Signed 64-bit integers: counters.</summary>
    Int64,
}

internal static class DTypes
{
    /// <summary>The size of one element in bytes.</summary>
    public static int Size(this DType dtype) => dtype switch
    {
        DType.UInt8 => 1,
        DType.Float32 or DType.Int32 => 4,
        DType.Float64 or DType.Int64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), $"{(int)dtype} is no element type."),
    };

    public static bool IsReal(this DType dtype) => dtype is DType.Float32 or DType.Float64;

    /// <summary>What a number becomes as an element of a real type: it may overflow to infinity, or vanish to 0.</summary>
    public static double Round(this DType dtype, double value) => dtype == DType.Float32 ? (float)value : value;

    /// <summary>The element type that holds a <typeparamref name="T"/>.</summary>
    /// <exception cref="ArgumentException">No tensor holds <typeparamref name="T"/>.</exception>
    public static DType Of<T>()
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
            return DType.Float32;
        if (typeof(T) == typeof(double))
            return DType.Float64;
        if (typeof(T) == typeof(byte))
            return DType.UInt8;
        if (typeof(T) == typeof(int))
            return DType.Int32;
        if (typeof(T) == typeof(long))
            return DType.Int64;
        throw new ArgumentException($"No tensor holds elements of {typeof(T)}: use float, double, byte, int or long.");
    }
}
