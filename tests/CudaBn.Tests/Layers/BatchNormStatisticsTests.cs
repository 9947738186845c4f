using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Core;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Which statistics batch normalization keeps, and what they survive.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class BatchNormStatisticsTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    [Test]
    public void CumulativeAverage_OfAStepDoneAgainAndAgain_CountsEveryBatch(
        [Values] bool channelsLast, [Values(null, 2)] int? virtualBatchSize)
    {
        // A recording holds what the host knew when it was made: a weight of 1 / batches must come from the device.
        Shape shape = [4, 3, 3];
        var layer = OnDevice(new BatchNorm(
            3, momentum: null, unbiasedRunningVariance: false, channelsLast: channelsLast,
            virtualBatchSize: virtualBatchSize));
        var x = TensorOf(new double[36], shape);
        var batches = Enumerable.Range(0, 6).Select(i => Rounded(Array.ConvertAll(
            RandomVector.Normal(i, 36), value => 3 * i + (1 + i) * value))).ToArray();
        layer.Forward(x);
        Device.Backend.Clear(layer.BatchesTracked!);
        var repeat = Repeated(() => layer.Forward(x));

        foreach (var batch in batches)
        {
            Write(batch, x);
            repeat();
        }

        var groups = batches.SelectMany(batch => virtualBatchSize is null ? [batch] : new[] { batch[..18], batch[18..] });
        double[] mean = [5, 5, 5], variance = [7, 7, 7];
        var seen = 0;
        foreach (var group in groups)
        {
            var n = group.Length / 9;
            var (_, m, v, _) = channelsLast
                ? ReferenceBatchNorm.ForwardTraining(group, null, null, 3 * n, 3, 1, 1e-5)
                : ReferenceBatchNorm.ForwardTraining(group, null, null, n, 3, 3, 1e-5);
            ReferenceBatchNorm.UpdateRunning(mean, variance, m, v, 3 * n, null, ++seen, unbiased: false);
        }

        Assert.That(layer.BatchesTracked!.ToArray<long>(), Is.EqualTo(new long[] { seen }));
        // Every update may round twice, every sum of 12 values as sums do.
        var bound = (8 * Math.Sqrt(12) + 2 * seen) * UnitRoundoff;
        ErrorBound.AssertWithin(
            "running mean", Read(layer.RunningMean!), mean, Array.ConvertAll(mean, value => bound * (10 + Math.Abs(value))));
        ErrorBound.AssertWithin(
            "running variance", Read(layer.RunningVariance!), variance,
            Array.ConvertAll(variance, value => bound * (10 + value)));
    }

    private static IEnumerable<TestCaseData> FusedNeighbours() =>
    [
        new TestCaseData((Func<BatchNorm, Layer>)(layer => new Sequential(layer, new ReLU()))).SetArgDisplayNames("ReLU"),
        new TestCaseData((Func<BatchNorm, Layer>)(layer => new Sequential(layer, new ReLU(), new MaxPool2d(2))))
            .SetArgDisplayNames("ReLU, MaxPool2d"),
        new TestCaseData((Func<BatchNorm, Layer>)(layer => new Sequential(new Residual(layer), new ReLU())))
            .SetArgDisplayNames("addition, ReLU"),
    ];

    [TestCaseSource(nameof(FusedNeighbours))]
    public void CumulativeAverage_FusedInARecording_CountsAsByItself(Func<BatchNorm, Layer> withNeighbours)
    {
        Shape shape = [4, 3, 2, 4];
        BatchNorm recorded = new(3, momentum: null), alone = OnDevice(new BatchNorm(3, momentum: null));
        var model = OnDevice(withNeighbours(recorded));
        var x = TensorOf(new double[96], shape);
        model.Forward(x);
        alone.Forward(x);
        var repeat = Repeated(() => model.Forward(x));

        for (var i = 0; i < 5; i++)
        {
            Write(Array.ConvertAll(RandomVector.Normal(i, 96), value => 3 * i + (1 + i) * value), x);
            repeat();
            alone.Forward(x);
        }

        Assert.That(recorded.BatchesTracked!.ToArray<long>(), Is.EqualTo(new long[] { 6 }));
        ErrorBound.AssertExact("running mean", Read(recorded.RunningMean!), Read(alone.RunningMean!));
        ErrorBound.AssertExact("running variance", Read(recorded.RunningVariance!), Read(alone.RunningVariance!));
    }

    [Test]
    public void VirtualBatches_InARecording_GiveTheBitsOfTheCalls([Values] bool pools)
    {
        Shape shape = [7, 3, 2, 6];
        var (recorded, called) = (OnDevice(CreateModel()), OnDevice(CreateModel()));
        var x = TensorOf(RandomVector.Normal(1, 252), shape);
        var gradOutput = TensorOf(RandomVector.Normal(2, pools ? 63 : 252), pools ? [7, 3, 1, 3] : shape);
        StepOf(recorded);
        StepOf(called);
        var repeat = Repeated(() => StepOf(recorded));

        for (var i = 0; i < 3; i++)
        {
            Write(RandomVector.Normal(10 + i, 252), x);
            Write(RandomVector.Normal(20 + i, pools ? 63 : 252), gradOutput);
            repeat();
            StepOf(called);
        }

        foreach (var (a, b) in recorded.State.Zip(called.State).Where(pair => pair.First.Tensor.DType == DType))
            ErrorBound.AssertExact(a.Name, Read(a.Tensor), Read(b.Tensor));
        foreach (var (a, b) in recorded.Parameters.Zip(called.Parameters))
            ErrorBound.AssertExact(a.Name, Read(a.Gradient), Read(b.Gradient));
        var batches = recorded.SelfAndInnerLayers().OfType<BatchNorm>().Single().BatchesTracked!;
        Assert.That(batches.ToArray<long>(), Is.EqualTo(new long[] { 12 }));

        Layer CreateModel()
        {
            var layer = new BatchNorm(3, virtualBatchSize: 3);
            return pools ? new Sequential(layer, new ReLU(), new MaxPool2d(2)) : layer;
        }

        void StepOf(Layer model)
        {
            model.Forward(x);
            model.Backward(gradOutput);
        }
    }

    [Test]
    public void WithoutTracking_ThereIsNoState_AndEvaluationUsesItsBatch()
    {
        var layer = OnDevice(new BatchNorm(3, trackRunningStatistics: false));
        Assert.That(layer.RunningMean, Is.Null);
        Assert.That(layer.RunningVariance, Is.Null);
        Assert.That(layer.BatchesTracked, Is.Null);
        Assert.That(layer.State.Select(state => state.Name), Is.EqualTo(new[] { "weight", "bias" }));
        var x = TensorOf(RandomVector.Normal(1, 60), [4, 3, 5]);
        var trained = Read(layer.Forward(x));
        layer.IsTraining = false;
        ErrorBound.AssertExact("evaluation", Read(layer.Forward(x)), trained);

        var plain = OnDevice(new BatchNorm(3, affine: false, trackRunningStatistics: false));
        Assert.That(plain.State, Is.Empty);
        Assert.That(plain.Parameters, Is.Empty);
        ErrorBound.AssertExact("without affine", Read(plain.Forward(x)), trained);
    }

    [Test]
    public void WithoutTracking_OneValuePerChannel_IsRefusedInEvaluationToo()
    {
        var layer = OnDevice(new BatchNorm(3, trackRunningStatistics: false) { Name = "it", IsTraining = false });
        var x = TensorOf([1, 2, 3], [1, 3]);
        ErrorAssert.Throws<ArgumentException>(
            () => layer.Forward(x), "BatchNorm 'it'", "evaluation without running statistics", "[1, 3]");
        ErrorAssert.Throws<ArgumentException>(() => layer.FreezeStatistics = true, "BatchNorm 'it'", "no running statistics");
    }

    [TestCase(9, 4, 1)]
    [TestCase(5, 1, 1)]
    public void VirtualBatches_LastWithOneValue_NamesTheNumbers(int batch, int size, int left)
    {
        var layer = OnDevice(new BatchNorm(3, virtualBatchSize: size) { Name = "it" });
        var x = TensorOf(RandomVector.Normal(1, 3 * batch), [batch, 3]);
        ErrorAssert.Throws<ArgumentException>(
            () => layer.Forward(x), "BatchNorm 'it'", $"[{batch}, 3]", $"virtual batches of {size} leave {left} ");
        Assert.That(layer.BatchesTracked!.ToArray<long>(), Is.EqualTo(new long[] { 0 }));
        layer.IsTraining = false;
        Assert.That(layer.Forward(x).Shape, Is.EqualTo(x.Shape));
    }

    [Test]
    public void VirtualBatches_BatchesOfSeveralSizes_KeepTheirOwnStatistics()
    {
        // More groups than before, fewer, and the first size again: what was saved for one is not taken for another.
        var layer = OnDevice(new BatchNorm(2, virtualBatchSize: 2));
        foreach (var batch in new[] { 4, 9 + 1, 3 + 1, 4, 2 })
        {
            Shape shape = [batch, 2, 3];
            var x = Rounded(RandomVector.Normal(batch, 6 * batch));
            var gradOutput = Rounded(RandomVector.Normal(batch + 1, 6 * batch));
            layer.Forward(TensorOf(x, shape));
            var gradInput = Read(layer.Backward(TensorOf(gradOutput, shape)));
            var (expected, gradGamma, gradBeta) =
                ReferenceVirtualBatchNorm.Backward(gradOutput, x, null, batch, 2, 3, 1e-5, 2);
            var tolerance = 1e4 * UnitRoundoff;
            Assert.That(Comparison.RelativeError(gradInput, expected), Is.LessThan(tolerance), $"{batch}");
            Assert.That(Comparison.RelativeError(Read(layer.Gamma!.Gradient), gradGamma), Is.LessThan(tolerance));
            Assert.That(Comparison.RelativeError(Read(layer.Beta!.Gradient), gradBeta), Is.LessThan(tolerance));
        }
    }

    [Test]
    public void SavedForBackward_IsTheInverseDeviation_NotTheVariance([Values] bool rows)
    {
        // Values 1 and 5: variance 4, and with epsilon 12 the inverse of 4.
        Shape shape = rows ? [2, 2] : [1, 2, 2];
        var mean = Own(new Tensor([2], DType.Float64, Device));
        var invStd = Own(new Tensor([2], DType.Float64, Device));
        var output = Poison(shape);
        var geometry = rows ? new BatchNormGeometry(2, 2, 1) : new BatchNormGeometry(1, 2, 2);
        var x = TensorOf(rows ? [1, 10, 5, 14] : [1, 5, 10, 14], shape);

        Device.Backend.BatchNormForward(new BatchNormForwardArgs(
            geometry, x, null, null, 12, null, output, mean, invStd));

        Assert.That(mean.ToArray<double>(), Is.EqualTo(new double[] { 3, 12 }));
        Assert.That(invStd.ToArray<double>(), Is.EqualTo(new[] { 0.25, 0.25 }));
    }
}
