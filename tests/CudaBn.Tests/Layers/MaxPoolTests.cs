using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class MaxPoolTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static IEnumerable<PoolCase> Cases() =>
    [
        PoolCase.Images(1, 1, 1, 1, 1, 1, 0),
        PoolCase.Images(2, 3, 24, 24, 2, 2, 0),
        PoolCase.Images(3, 2, 10, 10, 2, 2, 0),
        PoolCase.Images(2, 3, 5, 7, 2, 2, 0),
        PoolCase.Images(2, 2, 4, 66, 2, 2, 0),
        PoolCase.Images(2, 2, 5, 67, (2, 2), (2, 2), 0),
        PoolCase.Images(1, 2, 6, 70, (2, 2), (1, 2), 0),
        PoolCase.Images(1, 2, 6, 70, (2, 2), (2, 1), 0),
        PoolCase.Images(1, 2, 6, 70, (2, 2), (2, 2), (1, 0)),
        PoolCase.Images(1, 2, 6, 70, (2, 2), (2, 2), (0, 1)),
        PoolCase.Images(2, 3, 9, 8, 3, 1, 1),
        PoolCase.Images(2, 3, 9, 8, 3, 2, 1),
        PoolCase.Images(2, 3, 12, 40, 3, 3, 0),
        PoolCase.Images(2, 3, 7, 9, (3, 2), (1, 2), (1, 0)),
        PoolCase.Images(2, 3, 7, 9, (1, 4), (2, 1), (0, 2)),
        PoolCase.Images(2, 3, 9, 9, 2, 4, 0),
        PoolCase.Images(2, 3, 9, 9, 1, 3, 0),
        PoolCase.Images(2, 3, 1, 1, 3, 1, 1),
        PoolCase.Images(2, 3, 16, 16, 16, 1, 8),
        PoolCase.Images(2, 3, 17, 20, 17, 1, 0),
        PoolCase.Images(2, 3, 20, 17, 17, 3, 8),
        PoolCase.Images(1, 2, 2, 300, (2, 150), (1, 50), (1, 75)),
        PoolCase.Images(40, 3, 12, 12, 2, 2, 0),
        // Many small planes; planes whose windows do not see all at once; a row of windows that sees more than that.
        PoolCase.Images(30, 9, 5, 5, 3, 1, 1),
        PoolCase.Images(40, 7, 7, 9, 3, 2, 1),
        PoolCase.Images(150, 4, 2, 2, 2, 1, 1),
        PoolCase.Images(1, 2, 90, 130, 3, 1, 1),
        PoolCase.Images(1, 2, 151, 160, 3, 2, 1),
        PoolCase.Images(1, 2, 97, 101, (2, 5), (3, 3), (1, 2)),
        PoolCase.Images(1, 1, 9, 1200, 7, 1, 3),
        PoolCase.Volumes(1, 2, (3, 60, 70), 3, 1, 1),
        // The last windows reach beyond the input, or beyond its padding.
        PoolCase.Images(2, 3, 5, 7, 2, 2, 0, ceilMode: true),
        PoolCase.Images(2, 2, 5, 67, 2, 2, 0, ceilMode: true),
        PoolCase.Images(2, 2, 6, 66, 2, 2, 0, ceilMode: true),
        PoolCase.Images(2, 2, 8, 41, 3, 2, 1, ceilMode: true),
        PoolCase.Images(1, 2, 2, 3, (4, 5), 3, 0, ceilMode: true),
        PoolCase.Images(1, 2, 3, 34, (2, 3), (2, 1), 1, ceilMode: true),
        PoolCase.Images(1, 2, 20, 17, 17, 6, 8, ceilMode: true),
        PoolCase.Signals(1, 1, 1, 1, 1, 0),
        PoolCase.Signals(3, 5, 34, 2, 2, 0),
        PoolCase.Signals(3, 5, 35, 2, 2, 0, ceilMode: true),
        PoolCase.Signals(2, 3, 70, 5, 1, 2),
        PoolCase.Signals(2, 3, 70, 7, 3, 3, ceilMode: true),
        PoolCase.Signals(2, 3, 600, 300, 150, 100),
        PoolCase.Volumes(1, 1, 1, 1, 1, 0),
        PoolCase.Volumes(2, 2, (4, 6, 36), 2, 2, 0),
        PoolCase.Volumes(2, 2, (3, 5, 9), 2, 2, 0, ceilMode: true),
        PoolCase.Volumes(1, 3, (5, 4, 20), 3, 1, 1),
        PoolCase.Volumes(1, 2, (5, 7, 37), 3, 2, 1, ceilMode: true),
        // Slices that are planes of their own, with pairs and without.
        PoolCase.Volumes(2, 2, (3, 6, 34), (1, 2, 2), (1, 2, 2), 0),
        PoolCase.Volumes(2, 2, (3, 6, 7), (1, 3, 3), (1, 2, 2), (0, 1, 1)),
        PoolCase.Volumes(2, 2, (4, 6, 6), (1, 2, 2), 2, 0),
        PoolCase.Volumes(1, 2, (3, 2, 9), (2, 1, 3), (1, 3, 4), (1, 0, 1)),
        PoolCase.Volumes(1, 2, 9, (7, 7, 6), 1, 3),
    ];

    private static double[] ManyTies(int length) => RandomVector.Integers(2, length, 1);

    private static double[] AllEqual(int length) => Array.ConvertAll(new double[length], _ => -2.5);

    private static double[] ManyNaNs(int length) => Array.ConvertAll(
        RandomVector.Integers(3, length, 2), value => value == 2 ? double.NaN : value);

    private static double[] FirstIsNaN(int length) => WithNaN(length, 0);

    private static double[] LastIsNaN(int length) => WithNaN(length, length - 1);

    private static double[] WithNaN(int length, int place)
    {
        var values = RandomVector.Normal(8, length);
        values[place] = double.NaN;
        return values;
    }

    private static double[] InfinitiesAndSignedZeros(int length) => Array.ConvertAll(
        RandomVector.Integers(4, length, 4), value => value switch
        {
            -4 or -3 or 3 => double.NegativeInfinity,
            -2 or 2 => -0.0,
            4 => double.PositiveInfinity,
            1 => double.NaN,
            _ => 0.0,
        });

    private static double[] NegativeInfinityEverywhere(int length) =>
        Array.ConvertAll(new double[length], _ => double.NegativeInfinity);

    // Padding that won would show.
    private static double[] AllNegative(int length) =>
        Array.ConvertAll(RandomVector.Normal(5, length), value => -1 - Math.Abs(value));

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_NormalNumbers(PoolCase c) => Check(c, RandomVector.Normal(1, c.Sizes.InputLength));

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_TiesNaNsAndInfinities_TheFirstOfTheGreatestWins(PoolCase c)
    {
        Func<int, double[]>[] kinds =
        [
            ManyTies, AllEqual, ManyNaNs, FirstIsNaN, LastIsNaN, InfinitiesAndSignedZeros, NegativeInfinityEverywhere,
            AllNegative,
        ];
        foreach (var kind in kinds)
            Check(c, kind(c.Sizes.InputLength), $"{kind.Method.Name}: ");
    }

    [FsCheck.NUnit.Property(MaxTest = 300)]
    public Property ForwardAndBackward_RandomGeometry() => Prop.ForAll(PoolCase.Random, c =>
        Check(c, c.Sizes.InputLength % 2 == 0
            ? RandomVector.Normal(6, c.Sizes.InputLength)
            : RandomVector.Integers(7, c.Sizes.InputLength, 2)));

    // The window that would start at the fourth element would lie in the padding on the right.
    [TestCase(new[] { 1.0, 2, 3, 4, 5 }, 2, 2, 0, new[] { 2.0, 4, 5 })]
    [TestCase(new[] { 1.0, 2, 3 }, 2, 2, 1, new[] { 1.0, 3 })]
    [TestCase(new[] { 4.0, 3, 2, 1 }, 3, 2, 1, new[] { 4.0, 3, 1 })]
    [TestCase(new[] { -4.0, -3 }, 4, 3, 0, new[] { -3.0 })]
    public void Forward_CeilModeByHand(double[] x, int window, int stride, int padding, double[] expected)
    {
        var layer = OnDevice(new MaxPool1d(window, stride, padding, ceilMode: true));

        var output = layer.Forward(TensorOf(x, [1, 1, x.Length]));

        Assert.That(output.Shape, Is.EqualTo(new Shape(1, 1, expected.Length)));
        ErrorBound.AssertExact("output", Read(output), expected);
    }

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

    private void Check(PoolCase c, double[] values, string kind = "")
    {
        try
        {
            var x = Rounded(values);
            var (y, indices) = ReferenceMaxPool.Forward(x, c.Sizes);
            // Integers: overlapping windows add up in some order, which then does not matter.
            var gradOutput = RandomVector.Integers(9, y.Length, 1000);
            var gradInput = ReferenceMaxPool.Backward(gradOutput, indices, c.Sizes);

            var layer = OnDevice(c.CreateMaxPool());
            layer.Forward(Poison(c.InputShape));
            layer.Backward(Poison(c.OutputShape));
            var output = layer.Forward(TensorOf(x, c.InputShape));

            Assert.That(output.Shape, Is.EqualTo(c.OutputShape));
            ErrorBound.AssertExact($"{kind}output", Read(output), y);
            ErrorBound.AssertEqual(
                $"{kind}input gradient", Read(layer.Backward(TensorOf(gradOutput, c.OutputShape))), gradInput);
        }
        finally
        {
            DisposeOwned();
        }
    }
}
