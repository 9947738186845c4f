namespace CudaBn.Bench;

/// <summary>A step of Adam, or of AdamW where there is decay.</summary>
public sealed record AdamShape(string Name, double WeightDecay, params IReadOnlyList<int> Parameters)
    : OptimizerShape(Name, Parameters)
{
    /// <summary>Adam on the seed network, AdamW on ResNet-20.</summary>
    public static IReadOnlyList<AdamShape> Usual { get; } =
    [
        new("seed network, Adam", 0, SeedNetwork),
        new("ResNet-20, AdamW", 0.01, ResidualNetworkShape.Step.Parameters),
    ];

    /// <summary>Those, and more parameters than caches hold.</summary>
    public static IReadOnlyList<AdamShape> All { get; } = [.. Usual, new("25.6 M parameters, AdamW", 0.01, Large)];

    /// <summary>Per parameter, for the first moment: multiply, multiply-add; for the second: square, multiply, multiply-add;
    /// for the step: root, multiply, add, divide, multiply-add; one multiplication more to decay. Parameter, gradient and
    /// moments read, parameter and moments written.</summary>
    public Work Step => new((WeightDecay == 0 ? 13 : 14) * Elements, 7 * sizeof(float) * Elements);
}
