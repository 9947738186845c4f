using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Channels-last is the same function of the same values as channels-first: a layer of each, given one input and its
/// transpose, agree in everything.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class BatchNormLayoutTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly Shape[] Shapes =
        [[6, 4], [4, 3, 7], [3, 5, 4, 6], [2, 3, 2, 3, 4], [2, 70, 3, 3], [4, 4, 4, 4], [3, 1, 5, 5], [4, 300, 3]];

    private static IEnumerable<TestCaseData> Cases() =>
        from shape in Shapes
        from mode in Enum.GetValues<BatchNormMode>()
        from size in new int?[] { null, 2 }
        where size is null || shape.Rank > 2
        select new TestCaseData(shape, mode, size);

    [TestCaseSource(nameof(Cases))]
    public void ChannelsLast_IsTheTransposedChannelsFirst(Shape shape, BatchNormMode mode, int? virtualBatchSize)
    {
        var configuration = new BatchNormConfiguration(
            shape[0], shape[1], [.. shape.Sizes[2..]], false, mode, true, false, 0.3, true, virtualBatchSize, 1e-3, 0, 1);
        var x = Rounded(RandomVector.Normal(1, (int)shape.ElementCount));
        var gradOutput = Rounded(RandomVector.Normal(2, x.Length));

        var first = Run(configuration, x, gradOutput);
        var last = Run(
            configuration with { ChannelsLast = true }, ChannelsLast(x, shape), ChannelsLast(gradOutput, shape));

        // Twice what either may be off from the exact result; sums over at most so many values.
        var values = shape.ElementCount / shape[1];
        var bound = 2 * 8 * Math.Sqrt(values) * UnitRoundoff;
        AssertClose("output", last.Output, ChannelsLast(first.Output, shape), 4 * bound);
        AssertClose("input gradient", last.GradInput, ChannelsLast(first.GradInput, shape), 16 * bound);
        AssertClose("gamma gradient", last.GradGamma, first.GradGamma, bound * values);
        AssertClose("beta gradient", last.GradBeta, first.GradBeta, bound * values);
        AssertClose("running mean", last.RunningMean, first.RunningMean, bound);
        AssertClose("running variance", last.RunningVariance, first.RunningVariance, 4 * bound);
    }

    [Test]
    public void ChannelsLast_OfASquareInput_IsNotChannelsFirst()
    {
        // All axes of a size: only the values tell which is the channel's.
        Shape shape = [4, 4, 4, 4];
        var x = Rounded(RandomVector.Normal(1, 256));
        var first = OnDevice(new BatchNorm(4));
        var last = OnDevice(new BatchNorm(4, channelsLast: true));

        var difference = Comparison.RelativeError(
            Read(first.Forward(TensorOf(x, shape))), Read(last.Forward(TensorOf(x, shape))));

        Assert.That(difference, Is.GreaterThan(0.01));
    }

    [Test]
    public void Normalize_ChannelsLast_IsThatOfTheLayer()
    {
        Shape shape = [3, 4, 5];
        var x = TensorOf(RandomVector.Normal(1, 60), shape);
        var layer = OnDevice(new BatchNorm(5, channelsLast: true));

        using var y = BatchNorm.Normalize(x, channelsLast: true);

        ErrorBound.AssertExact("output", Read(y), Read(layer.Forward(x)));
    }

    private Results Run(BatchNormConfiguration configuration, double[] x, double[] gradOutput)
    {
        var layer = OnDevice(configuration.CreateLayer());
        Write(Rounded(RandomVector.Normal(3, configuration.Channels)), layer.Gamma!.Value);
        Write(Rounded(RandomVector.Normal(4, configuration.Channels)), layer.Beta!.Value);
        if (layer is { RunningMean: { } mean, RunningVariance: { } variance })
        {
            Write(Rounded(RandomVector.Normal(5, configuration.Channels)), mean);
            Write(Rounded(Array.ConvertAll(RandomVector.Normal(6, configuration.Channels), v => 0.5 + v * v)), variance);
        }

        var y = Read(layer.Forward(TensorOf(x, configuration.Shape)));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, configuration.Shape)));
        return new Results(
            y, gradInput, Read(layer.Gamma.Gradient), Read(layer.Beta!.Gradient),
            layer.RunningMean is { } m ? Read(m) : [], layer.RunningVariance is { } v ? Read(v) : []);
    }

    private static void AssertClose(string name, double[] actual, double[] expected, double bound)
    {
        var scale = Math.Max(1, expected.Length == 0 ? 0 : expected.Max(Math.Abs));
        ErrorBound.AssertWithin(name, actual, expected, Array.ConvertAll(expected, _ => bound * scale));
    }

    private static double[] ChannelsLast(double[] values, Shape shape)
    {
        var (n, c) = (shape[0], shape[1]);
        var s = values.Length / n / c;
        var moved = new double[values.Length];
        for (var i = 0; i < n; i++)
        for (var k = 0; k < c; k++)
        for (var j = 0; j < s; j++)
            moved[(i * s + j) * c + k] = values[(i * c + k) * s + j];
        return moved;
    }

    private sealed record Results(
        double[] Output, double[] GradInput, double[] GradGamma, double[] GradBeta, double[] RunningMean,
        double[] RunningVariance);
}
