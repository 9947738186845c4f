namespace CudaBn.Bench;

/// <summary>A step of stochastic gradient descent.</summary>
public sealed record SgdShape(string Name, double Momentum, params IReadOnlyList<int> Parameters)
    : OptimizerShape(Name, Parameters)
{
    /// <summary>The seed network as it is trained; with momentum and weight decay, as many parameters as ResNet-50
    /// has.</summary>
    public static IReadOnlyList<SgdShape> Usual { get; } =
        [new("seed network, plain", 0, SeedNetwork), new("25.6 M parameters, momentum", 0.9, Large)];

    /// <summary>Those, and ResNet-20 with momentum and weight decay.</summary>
    public static IReadOnlyList<SgdShape> All { get; } =
        [.. Usual, new("ResNet-20, momentum", 0.9, ResidualNetworkShape.Step.Parameters)];

    /// <summary>Per parameter: multiply-add the decay, multiply-add the step, and with momentum one more of both.
    /// Parameter and gradient read, parameter written; with momentum its buffer read and written, too.</summary>
    public Work Step => new((Momentum == 0 ? 4 : 7) * Elements, (Momentum == 0 ? 3 : 5) * sizeof(float) * Elements);
}
