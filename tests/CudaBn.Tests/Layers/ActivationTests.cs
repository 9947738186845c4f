using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class ActivationTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly double[] Special =
    [
        double.NaN, 0.0, -0.0, double.PositiveInfinity, double.NegativeInfinity, 1e-40, -1e-40, 1e-310, -1e-310, 1e30, -1e30,
        88, -88, 104, -104, 745, -745, 13.5, -13.5, 38, -38, 5, -5, 0.625, -0.625, -0.7518,
    ];

    private static readonly int[] Lengths = [1, 2, 7, 15, 16, 17, 33, 100, 16383, 16385];

    [Test]
    public void ForwardAndBackward_AnyLength_AreWithinRounding(
        [Values] ActivationKind kind, [ValueSource(nameof(Lengths))] int length) =>
        Check(kind, 0.01, RandomVector.Normal(length, length), RandomVector.Normal(length + 1, length));

    [Test]
    public void ForwardAndBackward_WholeRange_AreWithinRounding([Values] ActivationKind kind)
    {
        // Dense around 0, and to where everything is saturated.
        var x = new double[6001];
        for (var i = 0; i < x.Length; i++)
            x[i] = Math.Sinh((i - 3000) / 500.0);
        Check(kind, 0.2, x, RandomVector.Normal(1, x.Length));
    }

    [Test]
    public void ForwardAndBackward_SpecialValues_AreTheLimits([Values] ActivationKind kind)
    {
        var x = Rounded(Special);
        var layer = OnDevice(Create(kind, 0.25));

        var y = Read(layer.Forward(TensorOf(x, [x.Length])));
        var gradInput = Read(layer.Backward(TensorOf(x.Ones(), [x.Length])));

        for (var i = 0; i < x.Length; i++)
        {
            var (value, slope) = (
                ReferenceActivation.Of(kind, x[i], 0.25), ReferenceActivation.Derivative(kind, x[i], 0.25));
            if (double.IsNaN(x[i]))
                Assert.That(
                    (y[i], gradInput[i]), Is.EqualTo((double.NaN, kind == ActivationKind.LeakyReLU ? 1 : double.NaN)));
            else if (Math.Abs(x[i]) > 1000)
                Assert.That((y[i], gradInput[i]), Is.EqualTo((Rounded([value])[0], slope)), $"{kind} of {x[i]}");
            if (x[i] == 0 && kind != ActivationKind.Sigmoid)
                ErrorBound.AssertExact($"{kind} of {x[i]}", [y[i]], [x[i]]);
        }

        var finite = Array.FindAll(x, double.IsFinite);
        Check(kind, 0.25, finite, finite.Ones());
    }

    [Test]
    public void ForwardAndBackward_AnyPlace_GiveTheSameBits([Values] ActivationKind kind)
    {
        // The same numbers in the registers of a long tensor and in the rest of a short one.
        var x = Rounded(RandomVector.Normal(3, 64));
        var layer = OnDevice(Create(kind, 0.1));
        var whole = Read(layer.Forward(TensorOf(x, [64])));
        var wholeGradient = Read(layer.Backward(TensorOf(x.Ones(), [64])));
        for (var length = 1; length < 64; length += 6)
        {
            var part = x[^length..];
            ErrorBound.AssertExact("output", Read(layer.Forward(TensorOf(part, [length]))), whole[^length..]);
            ErrorBound.AssertExact(
                "gradient", Read(layer.Backward(TensorOf(part.Ones(), [length]))), wholeGradient[^length..]);
        }
    }

    [Test]
    public void Gradient_WhereTheOutputSaturates_KeepsItsDigits()
    {
        // tanh(9) is 1 in single precision, and its derivative 6e-8: 1 - y^2 would be 0.
        var x = Rounded([9, -9, 4, -4]);
        var layer = OnDevice(new Tanh());
        layer.Forward(TensorOf(x, [4]));

        var gradient = Read(layer.Backward(TensorOf(x.Ones(), [4])));

        var expected = Array.ConvertAll(x, v => ReferenceActivation.Derivative(ActivationKind.Tanh, v));
        ErrorBound.AssertWithin("gradient", gradient, expected, Array.ConvertAll(expected, d => 8 * UnitRoundoff * d));
    }

    [FsCheck.NUnit.Property(MaxTest = 300)]
    public Property ForwardAndBackward_RandomInputs_AreWithinRounding() => Prop.ForAll(RandomCases, c =>
    {
        var (kind, length, scale, slope, seed) = c;
        Check(
            kind, slope, Array.ConvertAll(RandomVector.Normal(seed, length), v => scale * v),
            RandomVector.Normal(seed + 1, length));
    });

    private static Arbitrary<(ActivationKind Kind, int Length, double Scale, double Slope, int Seed)> RandomCases =>
        Arb.From(
            from kind in Gen.Elements(Enum.GetValues<ActivationKind>())
            from length in Gen.Choose(1, 300)
            from scale in Gen.Elements(1e-20, 1e-3, 0.3, 1.0, 3, 10, 50)
            from slope in Gen.Elements(0, 0.01, 0.3, 1, -0.5)
            from seed in Gen.Choose(0, 1_000_000)
            select (kind, length, scale, slope, seed));

    internal static Activation Create(ActivationKind kind, double negativeSlope) => kind switch
    {
        ActivationKind.LeakyReLU => new LeakyReLU(negativeSlope),
        ActivationKind.Gelu => new GELU(),
        ActivationKind.GeluTanh => new GELU(tanhApproximation: true),
        ActivationKind.Silu => new SiLU(),
        ActivationKind.Sigmoid => new Sigmoid(),
        _ => new Tanh(),
    };

    // Roundings: of the exponential two, of the quotient, the sum and the products one each; of erfc a GPU has four.
    private void Check(ActivationKind kind, double negativeSlope, double[] x, double[] gradOutput)
    {
        try
        {
            (x, gradOutput) = (Rounded(x), Rounded(gradOutput));
            Shape shape = [x.Length];
            var layer = OnDevice(Create(kind, negativeSlope));
            layer.Forward(Poison(shape));
            layer.Backward(Poison(shape));

            var y = Read(layer.Forward(TensorOf(x, shape)));
            var gradInput = Read(layer.Backward(TensorOf(gradOutput, shape)));

            var slope = Rounded([negativeSlope])[0];
            ErrorBound.AssertWithin(
                "output", y, Array.ConvertAll(x, v => ReferenceActivation.Of(kind, v, slope)),
                Array.ConvertAll(x, v => Bound(ReferenceActivation.Magnitude(kind, v, slope), v)));
            ErrorBound.AssertWithin(
                "input gradient", gradInput,
                [.. x.Zip(gradOutput, (v, g) => g * ReferenceActivation.Derivative(kind, v, slope))],
                [.. x.Zip(gradOutput, (v, g) => SmallestNormal
                    + Math.Abs(g) * Bound(ReferenceActivation.DerivativeMagnitude(kind, v, slope), v))]);
        }
        finally
        {
            DisposeOwned();
        }
    }

    // What underflows is multiplied by the input, and by the slope of a cubic at it.
    private double Bound(double magnitude, double x)
    {
        var reach = Math.Min(Math.Abs(x), 200);
        return 8 * UnitRoundoff * magnitude + SmallestNormal * (1 + reach * reach * reach);
    }
}
