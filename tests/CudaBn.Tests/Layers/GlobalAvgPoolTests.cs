using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class GlobalAvgPoolTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    [TestCase(new[] { 1, 1, 1 }, new[] { 1, 1, 1 })]
    [TestCase(new[] { 3, 5, 37 }, new[] { 3, 5, 1 })]
    [TestCase(new[] { 7, 11, 7, 7 }, new[] { 7, 11, 1, 1 })]
    [TestCase(new[] { 2, 3, 32, 33 }, new[] { 2, 3, 1, 1 })]
    [TestCase(new[] { 2, 300, 3, 2 }, new[] { 2, 300, 1, 1 })]
    [TestCase(new[] { 1, 2, 200, 203 }, new[] { 1, 2, 1, 1 })]
    [TestCase(new[] { 2, 3, 4, 5, 6 }, new[] { 2, 3, 1, 1, 1 })]
    [TestCase(new[] { 2, 3, 2, 3, 2, 3 }, new[] { 2, 3, 1, 1, 1, 1 })]
    public void ForwardAndBackward_EqualTheReference(int[] inputShape, int[] outputShape)
    {
        Shape input = new(inputShape), output = new(outputShape);
        var planes = input[0] * input[1];
        var size = (int)input.ElementCount / planes;
        var layer = OnDevice(new GlobalAvgPool());
        layer.Forward(Poison(input));
        layer.Backward(Poison(output));
        var x = RandomVector.Integers(1, (int)input.ElementCount, 100);
        var gradOutput = Rounded(RandomVector.Normal(2, planes));

        var y = layer.Forward(TensorOf(x, input));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, output)));

        // Sums of integers have no rounding error, and every element has one gradient.
        Assert.That(y.Shape, Is.EqualTo(output));
        ErrorBound.AssertEqual(
            "output", Read(y), Rounded(ReferenceAdaptiveAvgPool.Forward(x, planes, (1, 1, size), 1)));
        ErrorBound.AssertEqual(
            "input gradient", gradInput,
            Rounded(ReferenceAdaptiveAvgPool.Backward(gradOutput, planes, (1, 1, size), 1)));
    }

    [Test]
    public void Forward_EveryPlaneSize_SumsEveryElementOnce()
    {
        var layer = OnDevice(new GlobalAvgPool());
        for (var size = 1; size <= 300; size++)
        {
            var x = RandomVector.Integers(size, 3 * size, 1000);
            var y = Read(layer.Forward(TensorOf(x, [1, 3, size])));
            ErrorBound.AssertEqual(
                $"size {size}", y, Rounded(ReferenceAdaptiveAvgPool.Forward(x, 3, (1, 1, size), 1)));
        }
    }

    [TestCase(49)]
    [TestCase(12_544)]
    [TestCase(400_000)]
    public void Forward_MeanOfTenThousandDeviations_KeepsItsDigits(int size)
    {
        var x = Rounded(Array.ConvertAll(RandomVector.Normal(5, 2 * size), value => 1e4 + value));
        var layer = OnDevice(new GlobalAvgPool());

        var y = Read(layer.Forward(TensorOf(x, [1, 2, size])));

        // A few units of the mean's last digit in that type, however many summands there are; sums of parts are double.
        double[] expected = [Mean(x.AsSpan(0, size)), Mean(x.AsSpan(size))];
        var relative = 4 * UnitRoundoff + 8 * Math.Sqrt(size) * Math.ScaleB(1, -53);
        ErrorBound.AssertWithin("output", y, expected, Array.ConvertAll(expected, mean => relative * mean));
    }

    [Test]
    public void Forward_NaNInOnePlane_StaysInThatPlane()
    {
        var x = new double[3 * 2 * 50];
        x[2 * 50 + 17] = double.NaN;
        var layer = OnDevice(new GlobalAvgPool());

        var y = Read(layer.Forward(TensorOf(x, [3, 2, 5, 10])));

        ErrorBound.AssertEqual("output", y, [0, 0, double.NaN, 0, 0, 0]);
    }

    // Sums of deviations from 1e4, which are small, are exact to many more digits than the mean.
    private static double Mean(ReadOnlySpan<double> values)
    {
        double deviations = 0;
        foreach (var value in values)
            deviations += value - 1e4;
        return 1e4 + deviations / values.Length;
    }
}
