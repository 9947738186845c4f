using CudaBn.Backends.OpArgs;
using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceActivationTests
{
    // Values of Phi to 16 digits, from tables of erfc.
    [TestCase(0, 0.5)]
    [TestCase(1, 0.8413447460685429)]
    [TestCase(-1, 0.15865525393145705)]
    [TestCase(-2, 0.022750131948179207)]
    [TestCase(-3.5, 0.00023262907903552504)]
    [TestCase(-10, 7.619853024160526e-24)]
    [TestCase(2.5, 0.9937903346742238)]
    public void NormalDistribution_IsThatOfTheTables(double x, double expected) =>
        Assert.That(ReferenceActivation.NormalDistribution(x), Is.EqualTo(expected).Within(2e-15 * expected));

    [TestCase(ActivationKind.LeakyReLU, -2, -0.02)]
    [TestCase(ActivationKind.LeakyReLU, 3, 3)]
    [TestCase(ActivationKind.Gelu, 1, 0.8413447460685429)]
    [TestCase(ActivationKind.GeluTanh, 1, 0.84119199060827676)]
    [TestCase(ActivationKind.Silu, 1, 0.7310585786300049)]
    [TestCase(ActivationKind.Sigmoid, -2, 0.11920292202211755)]
    [TestCase(ActivationKind.Tanh, 0.5, 0.46211715726000976)]
    public void Of_ByHand(ActivationKind kind, double x, double expected) =>
        Assert.That(ReferenceActivation.Of(kind, x), Is.EqualTo(expected).Within(1e-15));

    [Test]
    public void Derivative_AgainstFiniteDifferences([Values] ActivationKind kind)
    {
        var x = RandomVector.Spaced(1, 120);
        var gradOutput = RandomVector.Normal(2, 120);

        var gradient = x.Zip(gradOutput, (at, g) => g * ReferenceActivation.Derivative(kind, at)).ToArray();

        GradientAssert.Matches(
            "input", gradient, at => Array.ConvertAll(at, v => ReferenceActivation.Of(kind, v)), x, gradOutput);
    }
}
