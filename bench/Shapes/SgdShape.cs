namespace CudaBn.Bench;

/// <summary>A step over some parameters.</summary>
public sealed record SgdShape(string Name, double Momentum, params IReadOnlyList<int> Parameters)
{
    /// <summary>The seed network as it is trained, and as many parameters as ResNet-50 has, in as many tensors, with
    /// momentum and weight decay.</summary>
    public static IReadOnlyList<SgdShape> All { get; } =
    [
        new("seed network, plain", 0, 500, 20, 20, 20, 9000, 50, 50, 50, 160_000, 128, 1280, 10),
        new("25.6 M parameters, momentum", 0.9, [.. Enumerable.Repeat(158_743, 161)]),
    ];

    public long Elements => Parameters.Sum(count => (long)count);

    /// <summary>Per parameter: multiply-add the decay, multiply-add the step, and with momentum one more of both.
    /// Parameter and gradient read, parameter written; with momentum its buffer read and written, too.</summary>
    public Work Step => new((Momentum == 0 ? 4 : 7) * Elements, (Momentum == 0 ? 3 : 5) * sizeof(float) * Elements);

    public bool Equals(SgdShape? other) => other is not null && Name == other.Name;

    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Name;
}
