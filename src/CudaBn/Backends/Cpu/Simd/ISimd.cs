using System.Numerics;

namespace CudaBn.Backends.Cpu.Simd;

/// <summary>The vector instructions of one width and element type. Kernels are written once over this interface and
/// compiled for each implementation, with every call inlined.</summary>
/// <typeparam name="TVector">What a register holds.</typeparam>
/// <typeparam name="T">float or double.</typeparam>
internal unsafe interface ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Elements per register.</summary>
    static abstract int Count { get; }

    /// <summary>How many rows of two registers a matrix kernel may accumulate without spilling.</summary>
    static abstract int MaxRows { get; }

    static abstract TVector Zero { get; }

    /// <summary>0, 1, 2, ...</summary>
    static abstract TVector Indices { get; }

    static abstract TVector Load(T* source);

    static abstract void Store(TVector value, T* destination);

    static abstract TVector Create(T value);

    /// <summary>Count bytes as numbers.</summary>
    static abstract TVector LoadBytes(byte* source);

    /// <summary>Count integers as numbers.</summary>
    static abstract TVector LoadIntegers(int* source);

    /// <summary>Writes whole numbers in [0, 255] as Count bytes.</summary>
    static abstract void StoreBytes(TVector value, byte* destination);

    static abstract TVector Add(TVector left, TVector right);

    static abstract TVector Subtract(TVector left, TVector right);

    static abstract TVector Multiply(TVector left, TVector right);

    static abstract TVector Divide(TVector left, TVector right);

    static abstract TVector Sqrt(TVector value);

    /// <summary>left * right + addend, rounded once.</summary>
    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector addend);

    /// <summary>left where left > right, else right; so right also where either is NaN.</summary>
    /// <remarks>One instruction, where choosing by <see cref="GreaterThan"/> takes two.</remarks>
    static abstract TVector Greater(TVector left, TVector right);

    /// <summary>All bits where left > right; none where either is NaN.</summary>
    static abstract TVector GreaterThan(TVector left, TVector right);

    /// <summary>All bits where left > right, and where either is NaN.</summary>
    static abstract TVector NotLessOrEqual(TVector left, TVector right);

    /// <summary>All bits where left == right.</summary>
    static abstract TVector Equal(TVector left, TVector right);

    static abstract TVector Or(TVector left, TVector right);

    static abstract TVector And(TVector left, TVector right);

    /// <summary>left without the bits of right.</summary>
    static abstract TVector AndNot(TVector left, TVector right);

    /// <summary>left where the mask has all bits, right where it has none.</summary>
    static abstract TVector Select(TVector mask, TVector left, TVector right);

    /// <summary>e to the power of a value that is not above zero, or NaN. What is less than the smallest normal number
    /// may be 0.</summary>
    static abstract TVector ExpOfNegative(TVector value);

    /// <summary>The natural logarithm.</summary>
    static abstract TVector Log(TVector value);

    static abstract T Sum(TVector value);

    static abstract double SumInDouble(TVector value);

    /// <summary>Whole numbers from 0 to 2 * Count - 1, one per lane, in the form that <see cref="Permute"/> and
    /// <see cref="PermuteTwo"/> take.</summary>
    static abstract TVector CreateIndices(int* lanes);

    /// <summary>Lane i becomes lane indices[i] of the value; indices are below Count.</summary>
    static abstract TVector Permute(TVector value, TVector indices);

    /// <summary>Lane i becomes element indices[i] of 2 * Count consecutive ones.</summary>
    static abstract TVector PermuteTwo(TVector low, TVector high, TVector indices);

    /// <summary>Writes the transpose of a Count x Count block.</summary>
    static abstract void Transpose(T* source, nint sourceStride, T* destination, nint destinationStride);

    /// <summary>Splits 2 * Count consecutive elements into those at even and at odd places.</summary>
    static abstract void Deinterleave(TVector low, TVector high, out TVector even, out TVector odd);

    /// <summary>The inverse of <see cref="Deinterleave"/>.</summary>
    static abstract void Interleave(TVector even, TVector odd, out TVector low, out TVector high);
}
