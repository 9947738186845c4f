using System.Collections;
using System.Runtime.CompilerServices;

namespace CudaBn;

/// <summary>The sizes of a tensor, outermost first. Elements lie row-major: the last size varies fastest.</summary>
/// <remarks>Written as a collection expression: <c>Shape s = [256, 1, 28, 28];</c>.</remarks>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>, IReadOnlyList<int>
{
    private readonly int[]? _sizes;

    /// <summary>Makes a shape of the given sizes.</summary>
    /// <param name="sizes">The sizes, outermost first; none makes the shape of a scalar.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is zero or negative.</exception>
    /// <exception cref="OverflowException">The number of elements exceeds 2^63 - 1.</exception>
    public Shape(params ReadOnlySpan<int> sizes)
    {
        long count = 1;
        for (var axis = 0; axis < sizes.Length; axis++)
        {
            if (sizes[axis] <= 0)
                throw new ArgumentOutOfRangeException(
                    nameof(sizes), $"Size {axis} of shape {Format(sizes)} must be positive.");
            if (count > long.MaxValue / sizes[axis])
                throw new OverflowException($"Shape {Format(sizes)} has more than {long.MaxValue} elements.");
            count *= sizes[axis];
        }

        _sizes = sizes.ToArray();
        ElementCount = count;
    }

    /// <summary>Makes a shape of the given sizes; what a collection expression calls.</summary>
    /// <param name="sizes">The sizes, outermost first.</param>
    /// <returns>The shape.</returns>
    public static Shape Create(ReadOnlySpan<int> sizes) => new(sizes);

    /// <summary>The number of axes.</summary>
    public int Rank => Sizes.Length;

    /// <summary>The number of elements: the product of the sizes, 1 for a scalar.</summary>
    /// <remarks>0 only for <c>default(Shape)</c>, which no tensor has.</remarks>
    public long ElementCount { get; }

    /// <summary>The sizes, outermost first.</summary>
    public ReadOnlySpan<int> Sizes => _sizes;

    int IReadOnlyCollection<int>.Count => Rank;

    /// <summary>The size of an axis, counted from the outermost.</summary>
    /// <param name="axis">0 to <see cref="Rank"/> - 1.</param>
    public int this[int axis] => Sizes[axis];

    /// <summary>Compares two shapes size by size.</summary>
    /// <param name="left">A shape.</param>
    /// <param name="right">A shape.</param>
    /// <returns>Whether both have the same sizes.</returns>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Compares two shapes size by size.</summary>
    /// <param name="left">A shape.</param>
    /// <param name="right">A shape.</param>
    /// <returns>Whether any size differs.</returns>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(Shape other) =>
        // The count tells the shape of a scalar from default(Shape), which has no sizes either.
        ElementCount == other.ElementCount && Sizes.SequenceEqual(other.Sizes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var size in Sizes)
            hash.Add(size);
        return hash.ToHashCode();
    }

    /// <summary>The sizes in brackets: <c>[256, 1, 28, 28]</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Format(Sizes);

    /// <summary>Enumerates the sizes without allocating.</summary>
    /// <returns>The enumerator.</returns>
    public ReadOnlySpan<int>.Enumerator GetEnumerator() => Sizes.GetEnumerator();

    IEnumerator<int> IEnumerable<int>.GetEnumerator() => ((IEnumerable<int>)(_sizes ?? [])).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => (_sizes ?? []).GetEnumerator();

    private static string Format(ReadOnlySpan<int> sizes) => $"[{string.Join(", ", sizes.ToArray())}]";
}
