using CudaBn.Cli;
using CudaBn.Tests.Cli;
using CudaBn.Tests.Report;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.TensorBoard;

public class TensorBoardLogTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Log_HoldsScalarsAndHistogramsOfEveryEpoch()
    {
        var rows = SampleRun.Write(
            _folder["run"], epochs: 2, another: (run, model, train) => new TensorBoardLog(run, model, train));
        var events = LoggedEvent.ReadAll(Directory.GetFiles(_folder["run/tensorboard"]).Single());

        Assert.That(Scalars(events, "loss/train"), Is.EqualTo(rows.Select(row => (float)row.Metrics.TrainLoss)));
        Assert.That(Scalars(events, "loss/test"), Is.EqualTo(rows.Select(row => (float)row.Metrics.TestLoss)));
        Assert.That(Scalars(events, "accuracy/train"), Is.EqualTo(rows.Select(row => (float)row.Metrics.TrainAccuracy)));
        Assert.That(Scalars(events, "accuracy/test"), Is.EqualTo(rows.Select(row => (float)row.Metrics.TestAccuracy)));
        Assert.That(Scalars(events, "learning_rate"), Is.EqualTo(new[] { 0.05f, 0.05f }));
        foreach (var tag in new[] { "loss/train", "accuracy/test", "learning_rate", "weights/conv1.weight" })
            Assert.That(LoggedEvent.StepsOf(events, tag), Is.EqualTo(new[] { 4, 8 }), tag);

        // Four steps of 64 images each, none of which is left out of the mean of its epoch.
        var steps = events.Where(e => e.Tag == "loss_per_step/train").ToArray();
        Assert.That(steps.Select(step => step.Step), Is.EqualTo(Enumerable.Range(1, 8)));
        Assert.That(steps[..4].Average(step => step.Scalar), Is.EqualTo(rows[0].Metrics.TrainLoss).Within(1e-4).Percent);
        Assert.That(steps[4..].Average(step => step.Scalar), Is.EqualTo(rows[1].Metrics.TrainLoss).Within(1e-4).Percent);

        string[] parameters = ["conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "fc1.weight", "fc1.bias"];
        Assert.That(
            events.Where(e => e.Histogram is not null && e.Step == 8).Select(e => e.Tag),
            Is.EquivalentTo(
                parameters.Select(name => $"weights/{name}").Concat(parameters.Select(name => $"gradients/{name}"))
                    .Concat(["batch_norm/bn1.running_mean", "batch_norm/bn1.running_var"])));
        var weights = events.Last(e => e.Tag == "weights/fc1.weight").Histogram!;
        Assert.That((weights.Double(3), weights.Doubles(7).Sum()), Is.EqualTo((8640.0, 8640.0)));
        var means = events.Last(e => e.Tag == "batch_norm/bn1.running_mean").Histogram!;
        using var model = SampleRun.CreateModel();
        model.Initialize(Device.Cpu);
        var last = RunHistory.Load(_folder["run/history.json"], model).Epochs[^1].Means[0];
        Assert.That((means.Double(1), means.Double(2)), Is.EqualTo(((double)last.Min(), (double)last.Max())));
    }

    [Test]
    public void Log_NotToldOfEpochs_AddsThemLater([Values(1, 2, 3)] int told)
    {
        SampleRun.Write(
            _folder["run"], another: (run, model, train) => new Forgetful(new TensorBoardLog(run, model, train), told));
        var events = LoggedEvent.ReadFolder(_folder["run/tensorboard"]);
        Assert.That(LoggedEvent.StepsOf(events, "loss/train"), Is.EqualTo(new[] { 4, 8, 12 }));
        Assert.That(LoggedEvent.StepsOf(events, "loss_per_step/train"), Is.EqualTo(Enumerable.Range(1, 12)));
    }

    [Test]
    public void Losses_OfReplayedSteps_AreThoseOfEachStep()
    {
        CudaUnderTest.Open();
        var device = Device.Cuda();
        var garments = DrawnGarments.Create(48, 8).Train;
        using var model = new Sequential(new Flatten(), new Linear(784, 10));
        model.Initialize(device, seed: 1);
        using var train = new DataLoader(garments, 8, device);
        using var test = new DataLoader(garments, 8, device);
        using var loss = new SoftmaxCrossEntropy();
        using var sgd = new Sgd(model.Parameters, learningRate: 0.1);
        using var trainer = new Trainer(model, loss, sgd);
        using var losses = new StepLosses(train.BatchCount, device, DType.Float32);
        var progress = new Steps(() => losses.Add(trainer.StepsDone, loss.LastLoss!));
        foreach (var epoch in trainer.Fit(train, test, epochs: 2, progress))
        {
            var taken = losses.Take();
            Assert.That(taken.Select(step => step.Step), Is.EqualTo(Enumerable.Range((6 * (epoch.Epoch - 1)) + 1, 6)));
            Assert.That(taken.Select(step => step.Loss), Is.Unique);
            Assert.That(taken.Average(step => step.Loss), Is.EqualTo(epoch.TrainLoss).Within(1e-4).Percent);
        }
    }

    [Test]
    public void Train_WithTheOption_ChangesNoWeight()
    {
        string[] arguments = ["train", "--limit", "300", "--epochs", "2", "--init", "default", "--out"];
        using var with = CudabnProcess.Run(_folder[""], [.. arguments, "with", "--tensorboard"]);
        using var without = CudabnProcess.Run(_folder[""], [.. arguments, "without"]);
        Assert.That((with.ExitCode, without.ExitCode), Is.EqualTo((0, 0)), with.Error + without.Error);

        Assert.That(
            File.ReadAllBytes(_folder["with/model.safetensors"]),
            Is.EqualTo(File.ReadAllBytes(_folder["without/model.safetensors"])));
        Assert.That(with.Lines[^1], Does.EndWith(", report.html, tensorboard"));
        Assert.That(Directory.Exists(_folder["without/tensorboard"]), Is.False);
        var events = LoggedEvent.ReadAll(Directory.GetFiles(_folder["with/tensorboard"]).Single());
        Assert.That(Scalars(events, "accuracy/test"), Has.Length.EqualTo(2));
    }

    private static float[] Scalars(List<LoggedEvent> events, string tag) =>
        [.. events.Where(e => e.Tag == tag).Select(e => (float)e.Scalar!.Value)];

    // Hears of the end of one epoch only.
    private sealed class Forgetful(IRunObserver observer, int told) : IRunObserver
    {
        public string Name => observer.Name;

        public void Begin(
            Recipe recipe, Trainer trainer, SoftmaxCrossEntropy loss, Optimizer optimizer, IReadOnlyList<EpochRow> rows) =>
            observer.Begin(recipe, trainer, loss, optimizer, rows);

        public void StepEnded(TrainingProgress progress) => observer.StepEnded(progress);

        public void Saving() => observer.Saving();

        public void EpochEnded(IReadOnlyList<EpochRow> rows)
        {
            if (rows.Count == told)
                observer.EpochEnded(rows);
        }

        public void End(IReadOnlyList<EpochRow> rows, RunEnding ending) => observer.End(rows, ending);

        public void Dispose() => observer.Dispose();
    }

    private sealed class Steps(Action after) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => after();
    }
}
