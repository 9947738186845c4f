using NUnit.Framework;

namespace CudaBn.Tests.Support;

/// <summary>What a layer with weight and bias computes: all of it sums of products, plus the bias.</summary>
/// <param name="Output">Never null.</param>
/// <param name="GradInput">Null where only the gradients of the parameters were asked for.</param>
/// <param name="GradWeight">Never null.</param>
/// <param name="GradBias">Null without bias.</param>
public sealed record AffineResult(double[] Output, double[]? GradInput, double[] GradWeight, double[]? GradBias)
{
    /// <summary>Asserts that this is <paramref name="expected"/> up to rounding.</summary>
    /// <param name="expected">The same in exact arithmetic.</param>
    /// <param name="magnitudes">The same for the absolute values of all inputs.</param>
    /// <param name="terms">The same for inputs of 1: how many products each sum has.</param>
    /// <param name="unitRoundoff">That of the element type.</param>
    public void AssertWithinRounding(
        AffineResult expected, AffineResult magnitudes, AffineResult terms, double unitRoundoff) =>
        Assert.Multiple(() =>
        {
            foreach (var (name, part) in Parts)
            {
                if (part(this) is { } actual)
                    ErrorBound.AssertWithin(name, actual, part(expected)!,
                        ErrorBound.OfSums(unitRoundoff, part(terms)!, part(magnitudes)!));
            }
        });

    /// <summary>Asserts that this is <paramref name="expected"/> without any error.</summary>
    public void AssertEqual(AffineResult expected) =>
        Assert.Multiple(() =>
        {
            foreach (var (name, part) in Parts)
            {
                if (part(this) is { } actual)
                    ErrorBound.AssertEqual(name, actual, part(expected)!);
            }
        });

    private static (string Name, Func<AffineResult, double[]?> Part)[] Parts { get; } =
    [
        ("output", result => result.Output),
        ("input gradient", result => result.GradInput),
        ("weight gradient", result => result.GradWeight),
        ("bias gradient", result => result.GradBias),
    ];
}
