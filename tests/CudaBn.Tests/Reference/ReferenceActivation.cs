using CudaBn.Backends.OpArgs;

namespace CudaBn.Tests.Reference;

/// <summary>Functions of every element and their derivatives, in double, as their definitions read; and how far rounding may
/// take them.</summary>
public static class ReferenceActivation
{
    public static double Of(ActivationKind kind, double x, double negativeSlope = 0.01) => kind switch
    {
        ActivationKind.LeakyReLU => x > 0 ? x : negativeSlope * x,
        // The limit: the product would be that of an infinity and 0.
        _ when double.IsNegativeInfinity(x) && kind is not (ActivationKind.Sigmoid or ActivationKind.Tanh) => -0.0,
        ActivationKind.Gelu => x * NormalDistribution(x),
        ActivationKind.GeluTanh => x * Sigmoid(2 * TanhArgument(x)),
        ActivationKind.Silu => x * Sigmoid(x),
        ActivationKind.Sigmoid => Sigmoid(x),
        _ => Math.Tanh(x),
    };

    public static double Derivative(ActivationKind kind, double x, double negativeSlope = 0.01)
    {
        if (double.IsInfinity(x) && kind is ActivationKind.Gelu or ActivationKind.GeluTanh or ActivationKind.Silu)
            x = x > 0 ? 1e6 : -1e6;
        return kind switch
        {
            ActivationKind.LeakyReLU => x > 0 || double.IsNaN(x) ? 1 : negativeSlope,
            ActivationKind.Gelu => NormalDistribution(x) + x * Density(x),
            ActivationKind.GeluTanh =>
                Sigmoid(2 * TanhArgument(x)) + 2 * x * SigmoidSlope(2 * TanhArgument(x)) * TanhArgumentSlope(x),
            ActivationKind.Silu => Sigmoid(x) + x * SigmoidSlope(x),
            ActivationKind.Sigmoid => SigmoidSlope(x),
            _ => 4 * SigmoidSlope(2 * x),
        };
    }

    /// <summary>How much the output moves, relatively to the unit roundoff, when each step of its computation is off by a
    /// rounding: the exponential is off by that part of its argument.</summary>
    public static double Magnitude(ActivationKind kind, double x, double negativeSlope) =>
        Math.Abs(Of(kind, x, negativeSlope)) * (1 + Argument(kind, x));

    /// <summary>The same of the derivative, whose terms may cancel.</summary>
    public static double DerivativeMagnitude(ActivationKind kind, double x, double negativeSlope) => (1 + Argument(kind, x)) * kind switch
    {
        ActivationKind.LeakyReLU => Math.Abs(Derivative(kind, x, negativeSlope)),
        ActivationKind.Gelu => NormalDistribution(x) + Math.Abs(x) * Density(x),
        ActivationKind.GeluTanh => Sigmoid(2 * TanhArgument(x))
            + 2 * Math.Abs(x) * SigmoidSlope(2 * TanhArgument(x)) * TanhArgumentSlope(x),
        ActivationKind.Silu => Sigmoid(x) + Math.Abs(x) * SigmoidSlope(x),
        _ => Derivative(kind, x),
    };

    /// <summary>The distribution function of the normal distribution: far from 0 by the continued fraction of its tail, and
    /// near 0 by its power series, with the digits of a decimal, because the series takes off 1/2 what it comes to
    /// (Abramowitz and Stegun, 26.2.14 and 26.2.10).</summary>
    public static double NormalDistribution(double x)
    {
        if (double.IsNaN(x))
            return x;
        var a = Math.Abs(x);
        if (a > 40)
            return x > 0 ? 1 : 0;
        if (a > 2)
        {
            var fraction = 0.0;
            for (var k = 200; k >= 1; k--)
                fraction = k / (a + fraction);
            var tail = Density(a) / (a + fraction);
            return x > 0 ? 1 - tail : tail;
        }

        // Not by a cast, which keeps 15 digits.
        var exact = (decimal)(long)Math.ScaleB(a, 60) / (1L << 60);
        decimal term = exact, sum = exact;
        for (var k = 1; k < 40 && term != 0; k++)
        {
            term *= -exact * exact / (2 * k);
            sum += term / (2 * k + 1);
        }

        var half = 0.3989422804014326779399460599m * sum;
        return (double)(x > 0 ? 0.5m + half : 0.5m - half);
    }

    // What the exponential is taken of.
    private static double Argument(ActivationKind kind, double x) => kind switch
    {
        ActivationKind.Gelu => Math.Min(x * x / 2, 1e4),
        ActivationKind.GeluTanh => Math.Min(Math.Abs(2 * TanhArgument(x)), 1e4),
        _ => 0,
    };

    private static double Density(double x) => Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);

    private static double Sigmoid(double x) => x > 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    private static double SigmoidSlope(double x) => Sigmoid(x) * Sigmoid(-x);

    private static double TanhArgument(double x) => Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);

    private static double TanhArgumentSlope(double x) => Math.Sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
}
