using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Optimizers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class GradientClippingTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    [Test]
    public void Step_NormBelowTheBound_ChangesNoGradient()
    {
        var clipped = Run([3, 4], maxNorm: 5.1, out var norm);
        ErrorBound.AssertEqual("value", clipped, [-3, -4]);
        Assert.That(norm, Is.EqualTo(5));
    }

    [Test]
    public void Step_NormAboveTheBound_HasTheBound()
    {
        var clipped = Run([3, 4], maxNorm: 1, out var norm);
        Assert.That(norm, Is.EqualTo(5));
        ErrorBound.AssertWithin("value", clipped, [-3 / (5 + 1e-6), -4 / (5 + 1e-6)], [4 * UnitRoundoff, 4 * UnitRoundoff]);
    }

    [Test]
    public void Step_GradientsThemselves_Stay()
    {
        var parameter = MakeParameter([3, 4]);
        Own(new Sgd([parameter], 1, maxGradientNorm: 1)).Step();
        ErrorBound.AssertExact("gradient", Read(parameter.Gradient), [3, 4]);
    }

    [Test]
    public void Step_SquaresBeyondTheElementType_StillHaveANorm()
    {
        var huge = DType == DType.Float32 ? 1e30 : 1e100;
        var gradient = Rounded([3 * huge, -4 * huge]);
        var clipped = Run(gradient, maxNorm: 10, out var norm);
        Assert.That(norm, Is.EqualTo(5 * huge).Within(1e-6 * huge));
        ErrorBound.AssertWithin("value", clipped, [-6, 8], [64 * UnitRoundoff, 64 * UnitRoundoff]);
    }

    [Test]
    public void Step_InfiniteNorm_ZeroesTheFiniteAndLosesTheRest()
    {
        var clipped = Run([1, double.PositiveInfinity, -2], maxNorm: 1, out var norm);
        Assert.That(norm, Is.EqualTo(double.PositiveInfinity));
        ErrorBound.AssertEqual("value", clipped, [0, double.NaN, 0]);
    }

    [Test]
    public void Step_NaNNorm_LosesAll()
    {
        var clipped = Run([1, double.NaN, -2], maxNorm: 1, out var norm);
        Assert.That(norm, Is.NaN);
        Assert.That(clipped, Is.All.NaN);
    }

    [Test]
    public void Norm_IsOverAllParametersThatLearn()
    {
        var parameters = Enumerable.Range(0, 400).Select(i => MakeParameter([1, 1])).ToArray();
        parameters[7].RequiresGradient = parameters[399].RequiresGradient = false;
        var optimizer = Own(new Sgd(parameters, 1, maxGradientNorm: 1));
        optimizer.Step();
        Assert.That(
            optimizer.GradientNorm!.ToArray<double>()[0], Is.EqualTo(Math.Sqrt(2 * 398)).Within(1e-12));
        Assert.That(Own(new Sgd(parameters, 1)).GradientNorm, Is.Null);
    }

    [Test]
    public void Norm_LargeTensors_IsExactOnIntegers()
    {
        double[][] gradients =
        [
            RandomVector.Integers(1, 70_003, 9), RandomVector.Integers(2, 1024, 9), RandomVector.Integers(3, 16_385, 9),
        ];
        var optimizer = Own(new Sgd([.. gradients.Select(MakeParameter)], 1, maxGradientNorm: 1));
        optimizer.Step();
        Assert.That(
            optimizer.GradientNorm!.ToArray<double>()[0],
            Is.EqualTo(Math.Sqrt(gradients.Sum(gradient => gradient.Sum(g => g * g)))));
    }

    private double[] Run(double[] gradient, double maxNorm, out double norm)
    {
        var parameter = MakeParameter(gradient);
        var optimizer = Own(new Sgd([parameter], 1, maxGradientNorm: maxNorm));
        optimizer.Step();
        norm = optimizer.GradientNorm!.ToArray<double>()[0];
        return Read(parameter.Value);
    }

    private Parameter MakeParameter(double[] gradient)
    {
        var parameter = Own(new Parameter("p", [gradient.Length], DType, Device));
        Write(new double[gradient.Length], parameter.Value);
        Write(gradient, parameter.Gradient);
        return parameter;
    }
}
