using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class MaxPool2dTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static IEnumerable<PoolCase> Cases() =>
    [
        new(1, 1, 1, 1, 1, 1, 0),
        new(2, 3, 24, 24, 2, 2, 0),
        new(3, 2, 10, 10, 2, 2, 0),
        new(2, 3, 5, 7, 2, 2, 0),
        new(2, 2, 4, 66, 2, 2, 0),
        new(2, 2, 5, 67, (2, 2), (2, 2), 0),
        new(1, 2, 6, 70, (2, 2), (1, 2), 0),
        new(1, 2, 6, 70, (2, 2), (2, 1), 0),
        new(1, 2, 6, 70, (2, 2), (2, 2), (1, 0)),
        new(1, 2, 6, 70, (2, 2), (2, 2), (0, 1)),
        new(2, 3, 9, 8, 3, 1, 1),
        new(2, 3, 9, 8, 3, 2, 1),
        new(2, 3, 12, 40, 3, 3, 0),
        new(2, 3, 7, 9, (3, 2), (1, 2), (1, 0)),
        new(2, 3, 7, 9, (1, 4), (2, 1), (0, 2)),
        new(2, 3, 9, 9, 2, 4, 0),
        new(2, 3, 9, 9, 1, 3, 0),
        new(2, 3, 1, 1, 3, 1, 1),
        new(2, 3, 16, 16, 16, 1, 8),
        new(2, 3, 17, 20, 17, 1, 0),
        new(2, 3, 20, 17, 17, 3, 8),
        new(1, 2, 2, 300, (2, 150), (1, 50), (1, 75)),
        new(40, 3, 12, 12, 2, 2, 0),
    ];

    private static IEnumerable<PoolCase> PaddedCases() => Cases().Where(c => c.Padding != new Size2d(0, 0));

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_NormalNumbers(PoolCase c) => Check(c, RandomVector.Normal(1, c.InputLength));

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_ManyTies_FirstWins(PoolCase c) =>
        Check(c, RandomVector.Integers(2, c.InputLength, 1));

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_AllEqual_FirstWins(PoolCase c) =>
        Check(c, Array.ConvertAll(new double[c.InputLength], _ => -2.5));

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_ManyNaNs_FirstNaNWins(PoolCase c) => Check(c, Array.ConvertAll(
        RandomVector.Integers(3, c.InputLength, 2), value => value == 2 ? double.NaN : value));

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_InfinitiesAndSignedZeros(PoolCase c) => Check(c, Array.ConvertAll(
        RandomVector.Integers(4, c.InputLength, 4), value => value switch
        {
            -4 or -3 or 3 => double.NegativeInfinity,
            -2 or 2 => -0.0,
            4 => double.PositiveInfinity,
            1 => double.NaN,
            _ => 0.0,
        }));

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_NegativeInfinityEverywhere(PoolCase c) =>
        Check(c, Array.ConvertAll(new double[c.InputLength], _ => double.NegativeInfinity));

    [TestCaseSource(nameof(PaddedCases))]
    public void ForwardAndBackward_AllNegative_PaddingNeverWins(PoolCase c) =>
        Check(c, Array.ConvertAll(RandomVector.Normal(5, c.InputLength), value => -1 - Math.Abs(value)));

    [FsCheck.NUnit.Property(MaxTest = 60)]
    public Property ForwardAndBackward_RandomGeometry() => Prop.ForAll(RandomCases, c =>
    {
        Check(c, RandomVector.Normal(6, c.InputLength));
        Check(c, RandomVector.Integers(7, c.InputLength, 2));
    });

    [Test]
    public void Backward_OverlappingWindows_AddUp()
    {
        var layer = OnDevice(new MaxPool2d(3, stride: 1));
        layer.Forward(TensorOf([0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0], [1, 1, 3, 4]));

        var gradInput = Read(layer.Backward(TensorOf([2, 3], [1, 1, 1, 2])));

        ErrorBound.AssertEqual("input gradient", gradInput, [0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0]);
    }

    [Test]
    public void Backward_StrideBeyondTheWindow_UncoveredInputsGetNothing()
    {
        var layer = OnDevice(new MaxPool2d(1, stride: 2));
        layer.Forward(TensorOf([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 3, 3]));

        var gradInput = Read(layer.Backward(TensorOf([1, 2, 3, 4], [1, 1, 2, 2])));

        ErrorBound.AssertEqual("input gradient", gradInput, [1, 0, 2, 0, 0, 0, 3, 0, 4]);
    }

    [Test]
    public void Forward_Evaluation_GivesWhatTrainingGives()
    {
        var x = TensorOf(Rounded(RandomVector.Normal(8, 4 * 3 * 24 * 24)), [4, 3, 24, 24]);
        var layer = OnDevice(new MaxPool2d(2));
        var trained = Read(layer.Forward(x));
        layer.IsTraining = false;

        ErrorBound.AssertExact("output", Read(layer.Forward(x)), trained);
    }

    private static Arbitrary<PoolCase> RandomCases => Arb.From(
        from batch in Gen.Choose(1, 4)
        from channels in Gen.Choose(1, 4)
        from rows in RandomAxis
        from columns in RandomAxis
        select new PoolCase(
            batch, channels, rows.Size, columns.Size, (rows.Window, columns.Window), (rows.Stride, columns.Stride),
            (rows.Padding, columns.Padding)));

    private static Gen<(int Size, int Window, int Stride, int Padding)> RandomAxis =>
        from size in Gen.Choose(1, 40)
        from window in Gen.Choose(1, Math.Min(2 * size, 18))
        from padding in Gen.Choose(Math.Max(0, (window - size + 1) / 2), window / 2)
        from stride in Gen.Choose(1, 5)
        select (size, window, stride, padding);

    private void Check(PoolCase c, double[] values)
    {
        try
        {
            var x = Rounded(values);
            var (y, indices) = ReferenceMaxPool2d.Forward(
                x, c.Batch, c.Channels, c.Height, c.Width, c.Window.Height, c.Window.Width, c.Stride.Height,
                c.Stride.Width, c.Padding.Height, c.Padding.Width);
            // Integers: overlapping windows add up in some order, which then does not matter.
            var gradOutput = RandomVector.Integers(9, y.Length, 1000);
            var gradInput = ReferenceMaxPool2d.Backward(
                gradOutput, indices, c.Batch, c.Channels, c.Height, c.Width, c.OutHeight, c.OutWidth);
            Shape inputShape = [c.Batch, c.Channels, c.Height, c.Width];
            Shape outputShape = [c.Batch, c.Channels, c.OutHeight, c.OutWidth];

            var layer = OnDevice(new MaxPool2d(c.Window, c.Stride, c.Padding));
            layer.Forward(Poison(inputShape));
            layer.Backward(Poison(outputShape));
            var output = layer.Forward(TensorOf(x, inputShape));

            Assert.That(output.Shape, Is.EqualTo(outputShape));
            ErrorBound.AssertExact("output", Read(output), y);
            ErrorBound.AssertEqual(
                "input gradient", Read(layer.Backward(TensorOf(gradOutput, outputShape))), gradInput);
        }
        finally
        {
            DisposeOwned();
        }
    }

    /// <summary>The sizes of one max-pooling.</summary>
    public sealed record PoolCase(
        int Batch, int Channels, int Height, int Width, Size2d Window, Size2d Stride, Size2d Padding)
    {
        public int InputLength => Batch * Channels * Height * Width;

        public int OutHeight =>
            ReferenceMaxPool2d.OutputSize(Height, Window.Height, Stride.Height, Padding.Height);

        public int OutWidth => ReferenceMaxPool2d.OutputSize(Width, Window.Width, Stride.Width, Padding.Width);

        public override string ToString() => $"{Batch}x{Channels}x{Height}x{Width} w{Window} s{Stride} p{Padding}";
    }
}
