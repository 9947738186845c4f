using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>A function of every element.</summary>
public sealed record ActivationShape(ActivationKind Kind, int Batch, int Channels, int Size)
{
    // 1 / (1 + exp(-x)).
    private const int SigmoidFlops = 3;

    /// <summary>A function made of an error function and one made of an exponential, at the seed network's second
    /// output.</summary>
    public static IReadOnlyList<ActivationShape> Usual { get; } =
        [new(ActivationKind.Gelu, 256, 50, 10), new(ActivationKind.Silu, 256, 50, 10)];

    /// <summary>All functions there, and those two at ResNet-50's first output.</summary>
    public static IReadOnlyList<ActivationShape> All { get; } =
    [
        .. Enum.GetValues<ActivationKind>().Select(kind => new ActivationShape(kind, 256, 50, 10)),
        .. Usual.Select(shape => new ActivationShape(shape.Kind, 32, 64, 112)),
    ];

    public long Elements => (long)Batch * Channels * Size * Size;

    /// <summary>One tensor read, one written. An exponential, an error function and a hyperbolic tangent are counted as one
    /// operation each.</summary>
    public Work Forward => new(ForwardFlops * Elements, 2 * sizeof(float) * Elements);

    /// <summary>The input and the output's gradient read, one tensor written.</summary>
    public Work Backward => new(BackwardFlops * Elements, 3 * sizeof(float) * Elements);

    /// <summary>[N, C, H, W].</summary>
    public Shape TensorShape => [Batch, Channels, Size, Size];

    private int ForwardFlops => Kind switch
    {
        // A comparison and a product.
        ActivationKind.LeakyReLU => 2,
        // x * (erf(x * a) + 1) * b.
        ActivationKind.Gelu => 5,
        // x * sigmoid(x * (x * x * a + b)).
        ActivationKind.GeluTanh => 4 + SigmoidFlops + 1,
        ActivationKind.Silu => SigmoidFlops + 1,
        ActivationKind.Sigmoid => SigmoidFlops,
        ActivationKind.Tanh => 1,
        _ => throw new ArgumentException($"There is no model of {Kind}."),
    };

    private int BackwardFlops => Kind switch
    {
        // A comparison and a product.
        ActivationKind.LeakyReLU => 2,
        // dy * (p + x * q) with p = (erf(x * a) + 1) * b and q = exp(x * x * c) * d.
        ActivationKind.Gelu => 4 + 4 + 3,
        // dy * (s + x * s * (1 - s) * v) with s = sigmoid(x * (x * x * a + b)) and v = x * x * c + b.
        ActivationKind.GeluTanh => 4 + SigmoidFlops + 2 + 6,
        // dy * s * (1 + x * (1 - s)).
        ActivationKind.Silu => SigmoidFlops + 5,
        // dy * s * (1 - s).
        ActivationKind.Sigmoid => SigmoidFlops + 3,
        // dy * (1 - t * t).
        ActivationKind.Tanh => 1 + 3,
        _ => throw new ArgumentException($"There is no model of {Kind}."),
    };

    public override string ToString() => $"{Kind}, {Batch}x{Channels}x{Size}x{Size}";
}
