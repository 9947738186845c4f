using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class MeanSquaredErrorTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly int[] Lengths = [1, 2, 15, 16, 17, 1000, 16383, 16385, 50_001];

    [Test]
    public void ForwardAndBackward_AnyLength_AreWithinRounding(
        [ValueSource(nameof(Lengths))] int length, [Values] Reduction reduction) =>
        Check([length], 1, reduction, seed: length);

    [FsCheck.NUnit.Property(MaxTest = 260)]
    public Property ForwardAndBackward_RandomShapes_AreWithinRounding() => Prop.ForAll(
        RandomCases, c => Check(c.Shape, c.Scale, c.Reduction, c.Seed));

    [Test]
    public void ForwardAndBackward_SmallIntegers_AreExact()
    {
        var (x, target) = (RandomVector.Integers(1, 1024, 5), RandomVector.Integers(2, 1024, 5));
        var loss = Own(new MeanSquaredError());

        var value = Read(loss.Forward(TensorOf(x, [32, 32]), TensorOf(target, [32, 32])));

        ErrorBound.AssertEqual("loss", value, [ReferenceMeanSquaredError.Forward(x, target, mean: true)]);
        ErrorBound.AssertEqual(
            "gradient", Read(loss.Backward()), ReferenceMeanSquaredError.Backward(x, target, mean: true));
    }

    [Test]
    public void Arguments_ThatDoNotFit_AreNamed()
    {
        var loss = Own(new MeanSquaredError());
        var x = TensorOf([1, 2, 3, 4], [2, 2]);
        Assert.That(() => loss.Backward(), Throws.InvalidOperationException.With.Message.Contains("MeanSquaredError"));
        Assert.That(() => loss.Forward(x, TensorOf([1, 2, 3, 4], [4])), Throws.ArgumentException
            .With.Message.Contains("MeanSquaredError").And.Message.Contains("[2, 2]").And.Message.Contains("[4]"));
        Assert.That(() => loss.Forward(LabelsOf(1), LabelsOf(1)), Throws.ArgumentException
            .With.Message.Contains("Int32 tensor [1]"));
        Assert.That(() => loss.Forward(null!, x), Throws.ArgumentNullException);
        Assert.That(() => loss.Forward(x, null!), Throws.ArgumentNullException);
        Assert.That(() => new MeanSquaredError((Reduction)7), Throws.ArgumentException
            .With.Message.Contains("7 is no reduction"));
        Assert.That(Read(loss.Forward(x, x)), Is.EqualTo(new double[] { 0 }));
    }

    private static Arbitrary<(Shape Shape, double Scale, Reduction Reduction, int Seed)> RandomCases => Arb.From(
        from rows in Gen.Choose(1, 30)
        from columns in Gen.Choose(1, 40)
        from rank in Gen.Choose(1, 3)
        from scale in Gen.Elements(1e-6, 1, 1e6)
        from reduction in Gen.Elements(Reduction.Mean, Reduction.Sum)
        from seed in Gen.Choose(0, 1_000_000)
        select (rank == 1 ? new Shape(columns) : rank == 2 ? new Shape(rows, columns) : new Shape(rows, 1, columns),
            scale, reduction, seed));

    private void Check(Shape shape, double scale, Reduction reduction, int seed)
    {
        try
        {
            var length = (int)shape.ElementCount;
            double[] Normal(int s) => Rounded(Array.ConvertAll(RandomVector.Normal(s, length), v => scale * v));
            var (x, target) = (Normal(seed), Normal(seed + 1));
            var isMean = reduction == Reduction.Mean;
            var loss = Own(new MeanSquaredError(reduction));
            loss.Forward(Poison(shape), Poison(shape));
            loss.Backward();

            var value = Read(loss.Forward(TensorOf(x, shape), TensorOf(target, shape)));
            var gradient = loss.Backward();

            Assert.That(gradient.Shape, Is.EqualTo(shape));
            // Each difference and square is rounded, and there are as many terms as elements; the result is rounded twice.
            var expected = ReferenceMeanSquaredError.Forward(x, target, isMean);
            ErrorBound.AssertWithin(
                "loss", value, [expected], ErrorBound.OfSums(UnitRoundoff, [length], [expected]));
            var gradients = ReferenceMeanSquaredError.Backward(x, target, isMean);
            ErrorBound.AssertWithin(
                "gradient", Read(gradient), gradients,
                Array.ConvertAll(gradients, g => 4 * UnitRoundoff * Math.Abs(g) + SmallestNormal));
        }
        finally
        {
            DisposeOwned();
        }
    }
}
