using CudaBn.Tests.Core;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Statistics computed anew from data: those of all values together, whatever the batches.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class PopulationStatisticsTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    [Test]
    public void BatchesOfDifferentMeansAndSizes_CountAsOne(
        [Values] bool unbiased, [Values(null, 2)] int? virtualBatchSize, [Values(0, 1e6)] double mean)
    {
        var layer = OnDevice(new BatchNorm(
            2, momentum: 0.25, unbiasedRunningVariance: unbiased, virtualBatchSize: virtualBatchSize));
        // The mean of the batches' variances would be about 1, that of all values is about 14.
        var batches = new[] { 2, 5, 9 }.Select((size, i) => Rounded(Array.ConvertAll(
            RandomVector.Normal(i, size * 2 * 3), value => mean + 5 * i + value))).ToArray();

        BatchNorm.RecomputeStatistics(layer, batches.Select(batch => TensorOf(batch, [batch.Length / 6, 2, 3])));

        var all = batches.SelectMany(batch => batch).ToArray();
        var n = all.Length / 6;
        var c = new BatchNormCase(all, null, null, [n, 2, 3], layer.Epsilon, UnitRoundoff);
        var factor = unbiased ? 3.0 * n / (3 * n - 1) : 1;
        ErrorBound.AssertWithin("mean", Read(layer.RunningMean!), c.Mean, c.MeanBound);
        ErrorBound.AssertWithin(
            "variance", Read(layer.RunningVariance!), Array.ConvertAll(c.Variance, v => factor * v), c.VarianceBound);
        Assert.That(
            layer.BatchesTracked!.ToArray<long>(), Is.EqualTo(new long[] { virtualBatchSize is null ? 3 : 1 + 3 + 5 }));
        Assert.That(layer.Momentum, Is.EqualTo(0.25));
    }

    [Test]
    public void NestedLayers_GetTheStatisticsOfWhatTheySee([Values] bool fuses, [Values(null, 4)] int? virtualBatchSize)
    {
        // Twice the same layers: the first to compute with, the second to see what the normalizations are given.
        var model = OnDevice(CreateModel(fuses, virtualBatchSize, out var outer, out var inner));
        var convolution = new Conv2d(1, 3, 3);
        var front = OnDevice(new Sequential(
            convolution, new BatchNorm(3, virtualBatchSize: virtualBatchSize), new ReLU(), new MaxPool2d(2), new Conv2d(3, 4, 1))
        {
            FusesLayers = fuses,
        });
        foreach (var (from, to) in model.Parameters.Zip(front.Parameters))
            to.Value.CopyFrom(from.Value);
        Shape shape = [6, 1, 6, 6];
        var batches = Enumerable.Range(0, 3).Select(i => TensorOf(RandomVector.Normal(i, 216), shape)).ToArray();
        var seenByOuter = batches.SelectMany(batch => Read(convolution.Forward(batch))).ToArray();
        var seenByInner = batches.SelectMany(batch => Read(front.Forward(batch))).ToArray();
        var values = model.Parameters.Select(parameter => Read(parameter.Value)).ToArray();
        outer.IsTraining = false;

        BatchNorm.RecomputeStatistics(model, batches);

        AssertStatistics(outer, seenByOuter, [18, 3, 16]);
        AssertStatistics(inner, seenByInner, [18, 4, 4]);
        Assert.That((model.IsTraining, outer.IsTraining, inner.IsTraining), Is.EqualTo((true, false, true)));
        Assert.That(model.Parameters.Select(parameter => Read(parameter.Value)), Is.EqualTo(values));
        Assert.That(
            () => model.Backward(TensorOf(new double[6 * 4 * 4], [6, 4, 2, 2])), Throws.InvalidOperationException);

        // In training again, the statistics move from where they are.
        var before = Read(inner.RunningMean!);
        model.Forward(batches[0]);
        Assert.That(Read(inner.RunningMean!), Is.Not.EqualTo(before));
        Assert.That(inner.BatchesTracked!.ToArray<long>(), Is.EqualTo(new long[] { virtualBatchSize is null ? 3 + 1 : 2 * (3 + 1) }));

        void AssertStatistics(BatchNorm layer, double[] seen, Shape shape)
        {
            var c = new BatchNormCase(seen, null, null, shape, layer.Epsilon, UnitRoundoff);
            var values = (double)shape[0] * shape[2];
            ErrorBound.AssertWithin("mean", Read(layer.RunningMean!), c.Mean, c.MeanBound);
            ErrorBound.AssertWithin(
                "variance", Read(layer.RunningVariance!), Array.ConvertAll(c.Variance, v => v * values / (values - 1)),
                c.VarianceBound);
        }
    }

    [Test]
    public void Loader_GivesItsBatches()
    {
        var images = DrawnGarments.Create(20, 1).Train;
        var model = OnDevice(new Sequential(new BatchNorm(1, epsilon: 1e-9), new Flatten()));
        using var loader = new DataLoader(images, 8, Device, DType, shuffle: true);

        BatchNorm.RecomputeStatistics(model, loader);

        var batchNorm = (BatchNorm)model.Layers[0];
        using var whole = new DataLoader(images, 20, Device, DType);
        var x = whole.SelectMany(batch => Read(batch.Images)).ToArray();
        var c = new BatchNormCase(x, null, null, [20, 1, 784], 1e-9, UnitRoundoff);
        ErrorBound.AssertWithin("mean", Read(batchNorm.RunningMean!), c.Mean, c.MeanBound);
        Assert.That(batchNorm.BatchesTracked!.ToArray<long>(), Is.EqualTo(new long[] { 3 }));
    }

    [Test]
    public void RecomputeStatistics_LeavesTheNextMasksOfDropout([Values] bool fails)
    {
        var model = OnDevice(new Sequential(new BatchNorm(2), new Dropout(0.5)));
        var x = TensorOf(RandomVector.Normal(1, 40), [20, 2]);
        Tensor[] batches = fails ? [x, TensorOf(RandomVector.Normal(2, 9), [3, 3])] : [x, x, x];
        model.Forward(x);
        var step = ((Dropout)model.Layers[1]).Step!.ToArray<long>();

        if (fails)
            Assert.That(() => BatchNorm.RecomputeStatistics(model, batches), Throws.ArgumentException);
        else
            BatchNorm.RecomputeStatistics(model, batches);

        Assert.That(((Dropout)model.Layers[1]).Step!.ToArray<long>(), Is.EqualTo(step));
        Assert.That(step[0], Is.EqualTo(1));
    }

    [Test]
    public void Failure_LeavesStatisticsAndModes()
    {
        var layer = OnDevice(new BatchNorm(2) { IsTraining = false });
        Write([3, 4], layer.RunningMean!);
        var good = TensorOf(RandomVector.Normal(1, 12), [6, 2]);
        var bad = TensorOf(RandomVector.Normal(1, 12), [4, 3]);

        ErrorAssert.Throws<ArgumentException>(() => BatchNorm.RecomputeStatistics(layer, [good, bad]), "[4, 3]");
        ErrorAssert.Throws<ArgumentException>(
            () => BatchNorm.RecomputeStatistics(layer, Array.Empty<Tensor>()), "at least one batch");

        Assert.That(Read(layer.RunningMean!), Is.EqualTo(new double[] { 3, 4 }));
        Assert.That(Read(layer.RunningVariance!), Is.EqualTo(new double[] { 1, 1 }));
        Assert.That(layer.BatchesTracked!.ToArray<long>(), Is.EqualTo(new long[] { 0 }));
        Assert.That(layer.IsTraining, Is.False);
    }

    [Test]
    public void ModelWithoutStatistics_IsNamed()
    {
        var x = TensorOf(RandomVector.Normal(1, 12), [6, 2]);
        Layer[] models =
        [
            new Linear(2, 2), new BatchNorm(2, trackRunningStatistics: false), new BatchNorm(2) { FreezeStatistics = true },
        ];
        foreach (var model in models)
        {
            model.Name = "it";
            OnDevice(model);
            ErrorAssert.Throws<ArgumentException>(() => BatchNorm.RecomputeStatistics(model, [x]), "'it'");
        }

        Assert.That(() => BatchNorm.RecomputeStatistics(null!, [x]), Throws.ArgumentNullException);
        Assert.That(() => BatchNorm.RecomputeStatistics(models[0], (IEnumerable<Tensor>)null!), Throws.ArgumentNullException);
        Assert.That(() => BatchNorm.RecomputeStatistics(models[0], (IEnumerable<Batch>)null!), Throws.ArgumentNullException);
        using var raw = new BatchNorm(2);
        Assert.That(() => BatchNorm.RecomputeStatistics(raw, [x]), Throws.InvalidOperationException);
    }

    [Test]
    public void FrozenLayers_KeepTheirs_WhileOthersAreComputed()
    {
        var frozen = new BatchNorm(2) { FreezeStatistics = true };
        var moved = new BatchNorm(2);
        var model = OnDevice(new Sequential(frozen, moved));
        BatchNorm.RecomputeStatistics(model, [TensorOf(RandomVector.Normal(1, 12), [6, 2])]);
        Assert.That(Read(frozen.RunningMean!), Is.EqualTo(new double[] { 0, 0 }));
        Assert.That(Read(moved.RunningMean!), Is.Not.EqualTo(new double[] { 0, 0 }));
    }

    private static Sequential CreateModel(bool fuses, int? virtualBatchSize, out BatchNorm outer, out BatchNorm inner)
    {
        outer = new BatchNorm(3, virtualBatchSize: virtualBatchSize);
        inner = new BatchNorm(4, virtualBatchSize: virtualBatchSize);
        return new Sequential(
            new Conv2d(1, 3, 3), outer, new ReLU(), new MaxPool2d(2),
            new Sequential(new Conv2d(3, 4, 1), inner, new ReLU()))
        {
            FusesLayers = fuses,
        };
    }
}
