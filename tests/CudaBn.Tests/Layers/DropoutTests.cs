using CudaBn.Tests.Backends;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class DropoutTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    [FsCheck.NUnit.Property(MaxTest = 250)]
    public Property ForwardAndBackward_RandomCases_AreTheReference() => Prop.ForAll(RandomCases, c =>
    {
        var (p, length, seed, layersBefore, steps) = c;
        try
        {
            // Layers before it take streams of the generator.
            var model = new Sequential([.. Enumerable.Range(0, layersBefore).Select(_ => new Dropout(0)), new Dropout(p)]);
            Own(model).Initialize(Device, DType, (ulong)seed << 20);
            Shape shape = [length];
            for (var step = 1; step <= steps; step++)
            {
                var x = Rounded(RandomVector.Normal(seed + step, length));
                var gradOutput = Rounded(RandomVector.Normal(seed - step, length));

                var y = Read(model.Forward(TensorOf(x, shape)));
                var gradInput = Read(model.Backward(TensorOf(gradOutput, shape)));

                var factors = Rounded(
                    ReferenceDropout.Factors(p, (ulong)seed << 20, (uint)layersBefore, step, length));
                ErrorBound.AssertExact($"output {step}", y, Rounded([.. x.Zip(factors, (v, f) => v * f)]));
                ErrorBound.AssertExact(
                    $"gradient {step}", gradInput, Rounded([.. gradOutput.Zip(factors, (g, f) => g * f)]));
            }
        }
        finally
        {
            DisposeOwned();
        }
    });

    [TestCase(1)]
    [TestCase(16383)]
    [TestCase(16384)]
    [TestCase(16385)]
    [TestCase(70_003)]
    public void Forward_ManyChunks_IsTheReference(int length)
    {
        var layer = OnDevice(new Dropout(0.3));
        layer.Forward(Poison([length]));
        layer.Backward(Poison([length]));
        var ones = new double[length];
        Array.Fill(ones, 1);

        var y = Read(layer.Forward(TensorOf(ones, [length])));

        ErrorBound.AssertExact("output", y, Rounded(ReferenceDropout.Factors(0.3, 0, 0, 2, length)));
    }

    [TestCase(0.1)]
    [TestCase(0.5)]
    [TestCase(0.9)]
    public void Forward_Rate_IsTheProbability(double p)
    {
        const int length = 100_000;
        var layer = OnDevice(new Dropout(p));
        var ones = new double[length];
        Array.Fill(ones, 1);
        var input = TensorOf(ones, [length]);
        var deviations = new List<double>();
        for (var step = 0; step < 4; step++)
        {
            var dropped = Read(layer.Forward(input)).Count(value => value == 0);
            deviations.Add((dropped - p * length) / Math.Sqrt(length * p * (1 - p)));
        }

        // A binomial number is within five deviations of its mean in all but 6 of ten million draws. The masks are fixed by
        // the seed: what passes once passes always.
        Assert.That(deviations, Is.All.InRange(-5, 5));
        Assert.That(deviations.Distinct().Count(), Is.EqualTo(4), "the masks are new at every step");
    }

    [Test]
    public void Masks_OfNeighboursAndSteps_AreIndependent()
    {
        const int length = 40_000;
        var ones = new double[length];
        Array.Fill(ones, 1);
        var model = Own(new Sequential(new Dropout(0.5), new Dropout(0.5)));
        model.Initialize(Device, DType, seed: 9);
        var input = TensorOf(ones, [length]);
        var first = (Dropout)model.Layers[0];
        double[][] masks =
        [
            Read(first.Forward(input)), Read(first.Forward(input)), Read(model.Layers[1].Forward(input)),
        ];

        for (var i = 0; i < masks.Length; i++)
        {
            for (var j = 0; j < masks.Length; j++)
            {
                // How often element k of one mask agrees with element k + 1, or k, of another: half of the time, within five
                // deviations sqrt(n) / 2.
                var shift = i == j ? 1 : 0;
                var agree = Enumerable.Range(0, length - 1).Count(k => masks[i][k] == masks[j][k + shift]);
                Assert.That(Math.Abs(agree - (length - 1) / 2.0), Is.LessThan(5 * Math.Sqrt(length) / 2), $"{i} {j}");
            }
        }
    }

    [Test]
    public void Evaluation_IsTheInputItselfBothWays()
    {
        var layer = OnDevice(new Dropout(0.5));
        var x = TensorOf([1, 2, 3], [3]);
        layer.IsTraining = false;

        Assert.That(layer.Forward(x), Is.SameAs(x));
        // As the last forward pass was, whatever the mode is now.
        layer.IsTraining = true;
        Assert.That(layer.Backward(x), Is.SameAs(x));
        Assert.That(layer.Step!.ToArray<long>(), Is.EqualTo(new long[] { 0 }), "evaluation is no step");
    }

    [Test]
    public void Forward_ProbabilityZero_IsTheInput()
    {
        var layer = OnDevice(new Dropout(0));
        var x = TensorOf([1, 2, 3], [3]);
        Assert.That(layer.Forward(x), Is.SameAs(x));
        Assert.That(layer.Backward(x), Is.SameAs(x));
    }

    [Test]
    public void Forward_ProbabilityOne_IsZero()
    {
        var layer = OnDevice(new Dropout(1));
        var x = RandomVector.Normal(1, 1000);

        var y = Read(layer.Forward(TensorOf(x, [1000])));
        var gradInput = Read(layer.Backward(TensorOf(x, [1000])));

        Assert.That(y.Concat(gradInput), Is.All.EqualTo(0));
    }

    [Test]
    public void Forward_NaN_IsNotHidden()
    {
        var layer = OnDevice(new Dropout(0.5));
        Assert.That(Read(layer.Forward(Poison([100]))), Is.All.NaN);
    }

    [Test]
    public void Backward_AfterSeveralSteps_HasTheMaskOfTheLast()
    {
        var layer = OnDevice(new Dropout(0.5));
        var ones = TensorOf(new double[500].Ones(), [500]);
        layer.Forward(ones);
        var y = TensorBits.Of(layer.Forward(ones));

        Assert.That(TensorBits.Of(layer.Backward(ones)), Is.EqualTo(y));
        Assert.That(TensorBits.Of(layer.Backward(ones)), Is.EqualTo(y), "a second time");
        Assert.That(layer.Step!.ToArray<long>(), Is.EqualTo(new long[] { 2 }));
    }

    [Test]
    public void BackwardParameters_WritesNothing()
    {
        var layer = OnDevice(new Dropout(0.5));
        var x = TensorOf([1, 2, 3], [3]);
        layer.Forward(x);
        Assert.That(layer.Backward(x, needsInputGradient: false), Is.Null);
    }

    private static Arbitrary<(double P, int Length, int Seed, int LayersBefore, int Steps)> RandomCases => Arb.From(
        from p in Gen.Elements(0.01, 0.2, 0.5, 0.75, 0.999, 1.0)
        from length in Gen.Choose(1, 200)
        from seed in Gen.Choose(10, 1_000_000)
        from layersBefore in Gen.Choose(0, 3)
        from steps in Gen.Choose(1, 3)
        select (p == 1 ? 0.9999 : p, length, seed, layersBefore, steps));
}
