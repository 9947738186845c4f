using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class AvgPoolTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static IEnumerable<PoolCase> Cases() =>
    [
        PoolCase.Images(1, 1, 1, 1, 1, 1, 0),
        PoolCase.Images(2, 3, 24, 24, 2, 2, 0),
        PoolCase.Images(2, 3, 5, 7, 2, 2, 0),
        PoolCase.Images(2, 3, 5, 7, 2, 2, 0, ceilMode: true),
        PoolCase.Images(2, 3, 9, 40, 3, 1, 1),
        PoolCase.Images(2, 3, 9, 40, 3, 2, 1),
        PoolCase.Images(2, 3, 10, 41, 3, 2, 1, ceilMode: true),
        PoolCase.Images(2, 2, 12, 35, 3, 3, 0),
        PoolCase.Images(2, 2, 7, 9, (1, 4), (2, 1), (0, 2)),
        PoolCase.Images(2, 2, 9, 9, 2, 4, 0),
        PoolCase.Images(2, 3, 7, 7, 7, 1, 0),
        PoolCase.Images(1, 2, 2, 3, (4, 5), 3, 0, ceilMode: true),
        PoolCase.Images(1, 2, 40, 20, 20, 5, 10),
        PoolCase.Images(40, 3, 12, 12, 2, 2, 0),
        // Pairs: rows that a register takes several of, of no whole one, and of more than one; with inputs left over.
        PoolCase.Images(5, 7, 14, 14, 2, 2, 0),
        PoolCase.Images(5, 7, 15, 14, 2, 2, 0),
        PoolCase.Images(5, 7, 14, 15, 2, 2, 0),
        PoolCase.Images(5, 7, 3, 3, 2, 2, 0),
        PoolCase.Images(1, 1, 2, 2, 2, 2, 0),
        PoolCase.Images(2, 2, 9, 67, 2, 2, 0),
        PoolCase.Images(2, 2, 6, 128, 2, 2, 0),
        // One column left over behind whole registers of any width.
        PoolCase.Images(2, 2, 4, 5, 2, 2, 0),
        PoolCase.Images(2, 2, 4, 9, 2, 2, 0),
        PoolCase.Images(2, 2, 4, 17, 2, 2, 0),
        // The window is the plane.
        PoolCase.Images(3, 5, 13, 17, (13, 17), 1, 0),
        PoolCase.Volumes(2, 3, (3, 4, 5), (3, 4, 5), 2, 0),
        // It is all but some slices, rows or columns of it.
        PoolCase.Volumes(2, 3, (5, 4, 5), (3, 4, 5), 3, 0),
        PoolCase.Images(2, 3, 7, 5, (5, 5), 3, 0),
        PoolCase.Images(2, 3, 5, 7, (5, 5), 3, 0),
        PoolCase.Signals(3, 5, 34, 2, 2, 0),
        PoolCase.Signals(3, 5, 35, 4, 3, 2, ceilMode: true),
        // Windows too wide to lie side by side in lanes, and as wide as they may be.
        PoolCase.Signals(2, 3, 600, 300, 1, 100),
        PoolCase.Signals(2, 3, 600, 256, 2, 128, ceilMode: true),
        PoolCase.Volumes(2, 2, (4, 6, 36), 2, 2, 0),
        PoolCase.Volumes(2, 2, (3, 5, 9), 2, 2, 1, ceilMode: true),
        PoolCase.Volumes(1, 3, (5, 4, 20), 3, 1, 1),
        PoolCase.Volumes(2, 2, (3, 6, 34), (1, 2, 2), (1, 2, 2), 0),
        PoolCase.Volumes(1, 2, (3, 2, 9), (2, 1, 3), (1, 3, 4), (1, 0, 1)),
    ];

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_NormalNumbers_AreWithinRounding(PoolCase c)
    {
        foreach (var countIncludePad in new[] { true, false })
        {
            CheckWithinRounding(c, countIncludePad, null);
            CheckWithinRounding(c, countIncludePad, 3);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Forward_SmallIntegers_IsTheRoundedQuotient(PoolCase c)
    {
        foreach (var countIncludePad in new[] { true, false })
        {
            var x = RandomVector.Integers(1, c.Sizes.InputLength, 100);
            var layer = OnDevice(c.CreateAvgPool(countIncludePad, null));

            var y = Read(layer.Forward(TensorOf(x, c.InputShape)));

            // Sums have no rounding error, so the quotient is the only one.
            ErrorBound.AssertEqual("output", y, Rounded(ReferenceAvgPool.Forward(x, c.Sizes, countIncludePad)));
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Backward_SmallIntegersOverAPowerOfTwo_IsExact(PoolCase c)
    {
        var gradOutput = RandomVector.Integers(2, c.Sizes.OutputLength, 1000);
        var layer = OnDevice(c.CreateAvgPool(countIncludePad: true, divisorOverride: 4));
        layer.Forward(Poison(c.InputShape));

        var gradInput = Read(layer.Backward(TensorOf(gradOutput, c.OutputShape)));

        ErrorBound.AssertEqual("input gradient", gradInput, ReferenceAvgPool.Backward(gradOutput, c.Sizes, true, 4));
    }

    [FsCheck.NUnit.Property(MaxTest = 300)]
    public Property ForwardAndBackward_RandomGeometry_AreWithinRounding() => Prop.ForAll(
        PoolCase.Random, Arb.From(Gen.Elements(true, false)), Arb.From(Gen.Elements<int?>(null, null, 1, 7)),
        CheckWithinRounding);

    // Windows of 3 in steps of 2 over 4 elements padded to 6: the last one holds the last element, the padding, and a place
    // beyond it, which never counts.
    [TestCase(true, null, new[] { 1.0, 3, 2 })]
    [TestCase(false, null, new[] { 1.5, 3, 4 })]
    [TestCase(true, 4, new[] { 0.75, 2.25, 1 })]
    public void Forward_CeilModeByHand(bool countIncludePad, int? divisorOverride, double[] expected)
    {
        var layer = OnDevice(new AvgPool1d(3, 2, 1, ceilMode: true, countIncludePad, divisorOverride));

        var output = layer.Forward(TensorOf([1, 2, 3, 4], [1, 1, 4]));

        Assert.That(output.Shape, Is.EqualTo(new Shape(1, 1, 3)));
        ErrorBound.AssertExact("output", Read(output), expected);
    }

    [Test]
    public void Forward_WindowThatWouldStartInTheRightPadding_IsLeftOut()
    {
        // Over 3 elements padded to 5 the third window would start in the padding on the right.
        var layer = OnDevice(new AvgPool1d(2, 2, 1, ceilMode: true));

        var output = layer.Forward(TensorOf([1, 2, 3], [1, 1, 3]));

        ErrorBound.AssertExact("output", Read(output), [0.5, 2.5]);
    }

    [Test]
    public void Backward_StrideBeyondTheWindow_UncoveredInputsGetNothing()
    {
        var layer = OnDevice(new AvgPool2d(1, stride: 2));
        layer.Forward(Poison([1, 1, 3, 3]));

        var gradInput = Read(layer.Backward(TensorOf([1, 2, 3, 4], [1, 1, 2, 2])));

        ErrorBound.AssertEqual("input gradient", gradInput, [1, 0, 2, 0, 0, 0, 3, 0, 4]);
    }

    [Test]
    public void Forward_NaN_StaysInItsWindows()
    {
        var x = new double[2 * 6 * 70];
        x[2 * 70 + 33] = double.NaN;
        var layer = OnDevice(new AvgPool2d(2));

        var y = Read(layer.Forward(TensorOf(x, [1, 2, 6, 70])));

        var expected = new double[2 * 3 * 35];
        expected[35 + 16] = double.NaN;
        ErrorBound.AssertEqual("output", y, expected);
    }

    private void CheckWithinRounding(PoolCase c, bool countIncludePad, int? divisorOverride)
    {
        try
        {
            var x = Rounded(RandomVector.Normal(3, c.Sizes.InputLength));
            var gradOutput = Rounded(RandomVector.Normal(4, c.Sizes.OutputLength));
            var layer = OnDevice(c.CreateAvgPool(countIncludePad, divisorOverride));
            layer.Forward(Poison(c.InputShape));
            layer.Backward(Poison(c.OutputShape));

            var output = layer.Forward(TensorOf(x, c.InputShape));
            Assert.That(output.Shape, Is.EqualTo(c.OutputShape));
            AssertWithin("output", Read(output), x, (v, divisor) =>
                ReferenceAvgPool.Forward(v, c.Sizes, countIncludePad, divisor), divisorOverride);
            AssertWithin(
                "input gradient", Read(layer.Backward(TensorOf(gradOutput, c.OutputShape))), gradOutput,
                (v, divisor) => ReferenceAvgPool.Backward(v, c.Sizes, countIncludePad, divisor), divisorOverride);
        }
        finally
        {
            DisposeOwned();
        }
    }

    // Sums of ones that nothing divides are numbers of terms.
    private void AssertWithin(
        string name, double[] actual, double[] values, Func<double[], int?, double[]> reference, int? divisor) =>
        ErrorBound.AssertWithin(
            name, actual, reference(values, divisor),
            ErrorBound.OfSums(UnitRoundoff, reference(values.Ones(), 1), reference(values.Absolute(), divisor)));
}
