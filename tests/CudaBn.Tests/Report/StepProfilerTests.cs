using CudaBn.Cli;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Report;

[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InFloat32))]
public class StepProfilerTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly ImageDataset _images = DrawnGarments.Create(8, 1).Train;

    [Test]
    public void Measure_FusedLayers_ShareARow_AndNothingIsChanged()
    {
        using var model = SeedNetwork.Create();
        model.Initialize(Device, seed: 3);
        model.IsTraining = false;
        using var batches = new DataLoader(_images, 4, Device);
        var before = StateOf(model);
        var profile = StepProfiler.Measure(model, batches, SampleRun.Recipe);

        Assert.That(profile.Layers.Select(layer => layer.Name), Is.EqualTo(new[]
        {
            "conv1", "bn1 + relu1 + pool1", "conv2", "bn2 + relu2 + pool2", "flatten1", "fc1 + relu3", "fc2",
        }));
        Assert.That(
            profile.Layers.Select(layer => layer.Parameters), Is.EqualTo(new[] { 520, 40, 9050, 100, 0, 160_128, 1290 }));
        Assert.That(profile.Layers.Select(layer => layer.ActivationBytes), Is.EqualTo(new[]
        {
            4 * 4 * 20 * 24 * 24, 4 * 4 * 20 * 12 * 12, 4 * 4 * 50 * 10 * 10, 4 * 4 * 50 * 5 * 5, 0, 4 * 4 * 128,
            4 * 4 * 10,
        }));
        Assert.That(profile.BatchSize, Is.EqualTo(4));
        Assert.That(profile.Passes, Is.InRange(1, 15));
        Assert.That(profile.Layers[0].Forward, Is.Positive);
        Assert.That(profile.Layers[2].Backward, Is.Positive);
        Assert.That(new[] { profile.LossForward, profile.LossBackward, profile.Update, profile.Batch }, Is.All.Positive);
        Assert.That(profile.Total, Is.GreaterThan(profile.Layers.Sum(layer => layer.Seconds)).And.LessThan(30));

        Assert.That(StateOf(model), Is.EqualTo(before), "weights and running statistics");
        Assert.That(model.IsTraining, Is.False);
        Assert.That(model.Watch, Is.Null);
    }

    [Test]
    public void Measure_PartsOfBlocks_HaveRowsOfTheirOwn()
    {
        using var model = new Sequential(
            new Conv2d(1, 4, kernel: 3, padding: 1),
            new Residual(
                new Sequential(new Conv2d(4, 4, kernel: 3, padding: 1), new BatchNorm(4), new ReLU(),
                    new Conv2d(4, 4, kernel: 3, padding: 1), new BatchNorm(4))),
            new ReLU(), new Sequential(new GlobalAvgPool(), new Flatten(), new Linear(4, 10)));
        model.Initialize(Device, seed: 3);
        using var batches = new DataLoader(_images, 4, Device);
        var profile = StepProfiler.Measure(model, batches, SampleRun.Recipe);

        Assert.That(profile.Layers.Select(layer => (layer.Name, layer.Parameters)), Is.EqualTo(new[]
        {
            ("conv1", 40L), ("residual1.main.conv1", 148), ("residual1.main.bn1 + relu1", 8), ("residual1.main.conv2", 148),
            ("residual1 + relu1, the rest", 8), ("sequential1.pool1", 0), ("sequential1.flatten1", 0),
            ("sequential1.fc1", 50),
        }));
        Assert.That(
            profile.Layers.Sum(layer => layer.Parameters),
            Is.EqualTo(model.Parameters.Sum(parameter => parameter.Value.ElementCount)));
        foreach (var container in model.Layers.OfType<Sequential>())
            Assert.That(container.Watch, Is.Null);
    }

    private static double[][] StateOf(Sequential model) =>
        [.. model.State.Select(state => state.Tensor.DType.IsReal()
            ? state.Tensor.ToDoubles()
            : Array.ConvertAll(state.Tensor.ToArray<long>(), value => (double)value))];
}
