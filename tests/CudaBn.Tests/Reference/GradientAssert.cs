using NUnit.Framework;

namespace CudaBn.Tests.Reference;

/// <summary>The bound that every double-precision backward pass has to meet.</summary>
public static class GradientAssert
{
    public const double Tolerance = 1e-6;

    /// <summary>Asserts that <paramref name="actual"/> is the gradient at <paramref name="x"/> of
    /// sum(gradOutput[i] * function(x)[i]).</summary>
    public static void Matches(
        string name, double[] actual, Func<double[], double[]> function, double[] x, double[] gradOutput) =>
        Matches(name, actual, FiniteDifference.Gradient(function, x, gradOutput));

    public static void Matches(string name, double[] actual, double[] expected) =>
        Assert.That(Comparison.RelativeError(actual, expected), Is.LessThan(Tolerance),
            () => $"gradient of {name}: {Comparison.WorstElement(actual, expected)}");
}
