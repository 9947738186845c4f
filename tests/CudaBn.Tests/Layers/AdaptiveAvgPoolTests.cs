using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class AdaptiveAvgPoolTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static IEnumerable<AdaptiveCase> Cases() =>
    [
        new(1, 2, 3, (1, 1, 10), (1, 1, 4)),
        new(1, 2, 3, (1, 1, 4), (1, 1, 10)),
        new(1, 1, 2, (1, 1, 1500), (1, 1, 2)),
        new(1, 2, 3, (1, 1, 33), (1, 1, 1)),
        new(2, 2, 3, (1, 14, 14), (1, 7, 7)),
        new(2, 2, 3, (1, 13, 40), (1, 7, 7)),
        new(2, 2, 3, (1, 5, 3), (1, 5, 3)),
        new(2, 2, 3, (1, 5, 3), (1, 9, 4)),
        new(2, 2, 3, (1, 1, 1), (1, 3, 2)),
        new(2, 2, 3, (1, 8, 9), (1, 1, 1)),
        new(2, 40, 3, (1, 8, 9), (1, 1, 5)),
        new(3, 2, 2, (5, 6, 17), (2, 3, 5)),
        new(3, 1, 2, (2, 3, 4), (5, 1, 4)),
        new(3, 2, 2, (3, 4, 5), (1, 1, 1)),
    ];

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_NormalNumbers_AreWithinRounding(AdaptiveCase c) => Check(c);

    [TestCaseSource(nameof(Cases))]
    public void Forward_SmallIntegers_IsTheRoundedQuotient(AdaptiveCase c)
    {
        var x = RandomVector.Integers(1, (int)c.InputShape.ElementCount, 100);
        var layer = OnDevice(c.CreateLayer());

        var y = Read(layer.Forward(TensorOf(x, c.InputShape)));

        ErrorBound.AssertEqual("output", y, Rounded(ReferenceAdaptiveAvgPool.Forward(x, c.Planes, c.From, c.To)));
    }

    [FsCheck.NUnit.Property(MaxTest = 260)]
    public Property ForwardAndBackward_RandomGeometry_AreWithinRounding() => Prop.ForAll(RandomCases, Check);

    [Test]
    public void Forward_SidesThatAreNotGiven_KeepTheInputs()
    {
        var image = TensorOf(new double[2 * 3 * 4 * 5], [2, 3, 4, 5]);
        var volume = TensorOf(new double[2 * 3 * 4 * 5 * 6], [2, 3, 4, 5, 6]);
        Assert.That(OnDevice(new AdaptiveAvgPool2d(null, 2)).Forward(image).Shape, Is.EqualTo(new Shape(2, 3, 4, 2)));
        Assert.That(OnDevice(new AdaptiveAvgPool2d(7, null)).Forward(image).Shape, Is.EqualTo(new Shape(2, 3, 7, 5)));
        Assert.That(
            OnDevice(new AdaptiveAvgPool3d(1, null, 3)).Forward(volume).Shape, Is.EqualTo(new Shape(2, 3, 1, 5, 3)));
        var signal = TensorOf([1, 2, 3, 4], [1, 1, 4]);
        ErrorBound.AssertExact(
            "output", Read(OnDevice(new AdaptiveAvgPool1d(null)).Forward(signal)), [1, 2, 3, 4]);
    }

    [TestCase(1)]
    [TestCase(7)]
    public void Forward_MeanOfTenThousandDeviations_KeepsItsDigits(int size)
    {
        var x = Rounded(Array.ConvertAll(RandomVector.Normal(5, 3 * 224 * 224), value => 1e4 + value));
        var layer = OnDevice(new AdaptiveAvgPool2d(size));

        var y = Read(layer.Forward(TensorOf(x, [1, 3, 224, 224])));

        // A few units of the mean's last digit in that type, however many summands there are; sums of parts are double.
        var expected = ReferenceAdaptiveAvgPool.Forward(x, 3, (1, 224, 224), (1, size, size));
        var relative = 4 * UnitRoundoff + 8 * Math.Sqrt(224 * 224) * Math.ScaleB(1, -53);
        ErrorBound.AssertWithin("output", y, expected, Array.ConvertAll(expected, mean => relative * mean));
    }

    private static Arbitrary<AdaptiveCase> RandomCases => Arb.From(
        from axes in Gen.Choose(1, 3)
        from batch in Gen.Choose(1, 3)
        from channels in Gen.Choose(1, 3)
        from fromDepth in Gen.Choose(1, axes < 3 ? 1 : 6)
        from toDepth in Gen.Choose(1, axes < 3 ? 1 : 8)
        from fromHeight in Gen.Choose(1, axes < 2 ? 1 : 9)
        from toHeight in Gen.Choose(1, axes < 2 ? 1 : 11)
        from fromWidth in Gen.Choose(1, axes == 3 ? 12 : 40)
        from toWidth in Gen.Choose(1, axes == 3 ? 8 : 25)
        select new AdaptiveCase(
            axes, batch, channels, (fromDepth, fromHeight, fromWidth), (toDepth, toHeight, toWidth)));

    private void Check(AdaptiveCase c)
    {
        try
        {
            var x = Rounded(RandomVector.Normal(3, (int)c.InputShape.ElementCount));
            var gradOutput = Rounded(RandomVector.Normal(4, (int)c.OutputShape.ElementCount));
            var layer = OnDevice(c.CreateLayer());
            layer.Forward(Poison(c.InputShape));
            layer.Backward(Poison(c.OutputShape));

            var output = layer.Forward(TensorOf(x, c.InputShape));
            Assert.That(output.Shape, Is.EqualTo(c.OutputShape));
            AssertWithin("output", Read(output), x, (v, divides) =>
                ReferenceAdaptiveAvgPool.Forward(v, c.Planes, c.From, c.To, divides));
            AssertWithin(
                "input gradient", Read(layer.Backward(TensorOf(gradOutput, c.OutputShape))), gradOutput,
                (v, divides) => ReferenceAdaptiveAvgPool.Backward(v, c.Planes, c.From, c.To, divides));
        }
        finally
        {
            DisposeOwned();
        }
    }

    // Sums of ones that nothing divides are numbers of terms.
    private void AssertWithin(
        string name, double[] actual, double[] values, Func<double[], bool, double[]> reference) =>
        ErrorBound.AssertWithin(
            name, actual, reference(values, true),
            ErrorBound.OfSums(UnitRoundoff, reference(values.Ones(), false), reference(values.Absolute(), true)));

    /// <summary>The sizes of one adaptive pooling.</summary>
    public sealed record AdaptiveCase(int Axes, int Batch, int Channels, Size3d From, Size3d To)
    {
        public int Planes => Batch * Channels;

        public Shape InputShape => ShapeOf(From);

        public Shape OutputShape => ShapeOf(To);

        public AdaptiveAvgPool CreateLayer() => Axes switch
        {
            1 => new AdaptiveAvgPool1d(To.Width),
            2 => new AdaptiveAvgPool2d((To.Height, To.Width)),
            _ => new AdaptiveAvgPool3d(To),
        };

        public override string ToString() => $"{InputShape} to {OutputShape}";

        private Shape ShapeOf(Size3d size) => Axes switch
        {
            1 => [Batch, Channels, size.Width],
            2 => [Batch, Channels, size.Height, size.Width],
            _ => [Batch, Channels, size.Depth, size.Height, size.Width],
        };
    }
}
