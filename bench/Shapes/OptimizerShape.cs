namespace CudaBn.Bench;

/// <summary>A step over some parameters.</summary>
/// <param name="Name">What tells it from others of its operator.</param>
/// <param name="Parameters">The elements of each tensor.</param>
public abstract record OptimizerShape(string Name, IReadOnlyList<int> Parameters)
{
    /// <summary>The seed network's.</summary>
    public static IReadOnlyList<int> SeedNetwork { get; } = [500, 20, 20, 20, 9000, 50, 50, 50, 160_000, 128, 1280, 10];

    /// <summary>As many as ResNet-50 has, in as many tensors.</summary>
    public static IReadOnlyList<int> Large { get; } = [.. Enumerable.Repeat(158_743, 161)];

    public long Elements => Parameters.Sum(count => (long)count);

    public virtual bool Equals(OptimizerShape? other) =>
        other is not null && EqualityContract == other.EqualityContract && Name == other.Name;

    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);

    public sealed override string ToString() => Name;
}
