using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Training;

/// <summary>The same seed leads to the same network, whatever the device: the operators round in another order, and one
/// epoch must not make more of it than that.</summary>
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class DevicesAgreeTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly ImageDataSplits _garments = DrawnGarments.Create(96, 32);

    [Test]
    public void OneEpoch_OfTheSeedNetwork_GivesTheWeightsOfTheCpu()
    {
        var (expected, expectedMetrics) = TrainOn(Device.Cpu);
        var (actual, actualMetrics) = TrainOn(Device);
        // Float64 shows that the same sums are formed. In Float32, pixels of a flat background tie up to rounding, and a
        // window whose maximum is another one sends its gradient elsewhere: the weights then differ by the learning
        // rate times such a gradient, which is of the order of the deviation of a pixel's gradient, 1e-3.
        var tolerance = DType == DType.Float32 ? 1e-3 : 1e-13;
        foreach (var (name, values) in expected)
        {
            var worst = values.Zip(actual[name], (x, y) => Math.Abs(x - y)).Max();
            TestContext.Out.WriteLine($"{name}: {worst:e1}");
            Assert.That(worst, Is.LessThan(tolerance), name);
        }

        Assert.That(actualMetrics.TrainLoss, Is.EqualTo(expectedMetrics.TrainLoss).Within(1e-4));
        Assert.That(actualMetrics.TestLoss, Is.EqualTo(expectedMetrics.TestLoss).Within(1e-4));
        Assert.That(actualMetrics.TrainAccuracy, Is.EqualTo(expectedMetrics.TrainAccuracy));
        Assert.That(actualMetrics.TestAccuracy, Is.EqualTo(expectedMetrics.TestAccuracy));
    }

    private (Dictionary<string, double[]> State, EpochMetrics Metrics) TrainOn(Device device)
    {
        using var model = SeedNetwork.Create(notebookInitialization: false);
        model.Initialize(device, DType, seed: 5);
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = new Sgd(model.Parameters, 0.1);
        using var train = new DataLoader(_garments.Train, 32, device, DType, shuffle: true, seed: 5);
        using var test = new DataLoader(_garments.Test, 32, device, DType);
        using var trainer = new Trainer(model, loss, optimizer);
        var metrics = trainer.Fit(train, test, epochs: 1).Single();
        var state = model.State.Where(s => s.Tensor.DType == DType).ToDictionary(s => s.Name, s => Read(s.Tensor));
        return (state, metrics);
    }
}
