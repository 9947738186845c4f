using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>Functions of every element and their derivatives, as their definitions read.</summary>
/// <remarks>They are made of functions with values up to 1, and that is what rounding is relative to: where erf(x) + 1 comes
/// near 0, it has lost its digits, in this library or in another.</remarks>
public static class ActivationCheck
{
    private const double GeluCubic = 0.044715;
    private static readonly double _geluScale = 2 * Math.Sqrt(2 / Math.PI);

    public static void Forward(ActivationKind kind, double negativeSlope, Tensor input, Tensor output)
    {
        using HostValues x = new(input), y = new(output);
        foreach (var i in Check.Samples(y.Count))
            Check.Close("output", i, y[i], Value(kind, x[i], negativeSlope), Bound(x[i]));
    }

    public static void Backward(
        ActivationKind kind, double negativeSlope, Tensor input, Tensor gradOutput, Tensor gradInput)
    {
        using HostValues x = new(input), dy = new(gradOutput), dx = new(gradInput);
        foreach (var i in Check.Samples(dx.Count))
        {
            var expected = dy[i] * Derivative(kind, x[i], negativeSlope);
            Check.Close("gradInput", i, dx[i], expected, Math.Abs(dy[i]) * Bound(x[i]));
        }
    }

    private static double Value(ActivationKind kind, double x, double negativeSlope) => kind switch
    {
        ActivationKind.LeakyReLU => x > 0 ? x : negativeSlope * x,
        ActivationKind.Gelu => x * NormalDistribution(x),
        ActivationKind.GeluTanh => x * Sigmoid(GeluArgument(x)),
        ActivationKind.Silu => x * Sigmoid(x),
        ActivationKind.Sigmoid => Sigmoid(x),
        ActivationKind.Tanh => Math.Tanh(x),
        _ => throw new ArgumentException($"There is no reference of {kind}."),
    };

    private static double Derivative(ActivationKind kind, double x, double negativeSlope) => kind switch
    {
        ActivationKind.LeakyReLU => x > 0 ? 1 : negativeSlope,
        ActivationKind.Gelu => NormalDistribution(x) + x * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI),
        ActivationKind.GeluTanh => Sigmoid(GeluArgument(x))
            + x * SigmoidSlope(GeluArgument(x)) * _geluScale * (1 + 3 * GeluCubic * x * x),
        ActivationKind.Silu => Sigmoid(x) + x * SigmoidSlope(x),
        ActivationKind.Sigmoid => SigmoidSlope(x),
        ActivationKind.Tanh => 1 - Math.Tanh(x) * Math.Tanh(x),
        _ => throw new ArgumentException($"There is no reference of {kind}."),
    };

    private static double GeluArgument(double x) => _geluScale * (x + GeluCubic * x * x * x);

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double SigmoidSlope(double x) => Sigmoid(x) * (1 - Sigmoid(x));

    /// <summary>The distribution function of the normal distribution, by a series whose terms are all of one sign: 1/2 +
    /// density(x) * (x + x^3 / 3 + x^5 / (3 * 5) + ...) (Abramowitz and Stegun, 26.2.11).</summary>
    private static double NormalDistribution(double x)
    {
        // Beyond, it is 0 or 1 as far as a float can tell.
        if (Math.Abs(x) > 8)
            return x > 0 ? 1 : 0;
        double term = x, sum = x;
        for (var n = 3; Math.Abs(term) > 1e-17 * Math.Abs(sum); n += 2)
        {
            term *= x * x / n;
            sum += term;
        }

        return 0.5 + Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI) * sum;
    }

    // A few roundings of 1, multiplied by x; an exponential is off by as much as its argument, which x^2 exceeds where it
    // is large.
    private static double Bound(double x) => 8 * Check.UnitRoundoff * (1 + Math.Abs(x)) * (1 + x * x);
}
