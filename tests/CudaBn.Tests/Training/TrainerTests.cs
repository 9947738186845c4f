using CudaBn.Backends.Cpu;
using CudaBn.Tests.Core;
using NUnit.Framework;

namespace CudaBn.Tests.Training;

[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class TrainerTests(Device device)
{
    private static readonly ImageDataSplits _garments = DrawnGarments.Create(600, 200);

    [Test]
    public void Fit_SeparableProblem_IsLearnt()
    {
        using var train = new DataLoader(Halves(256, seed: 1), 16, device, shuffle: true);
        using var test = new DataLoader(Halves(100, seed: 2), 16, device);
        using var run = new Run(new Sequential(new Flatten(), new Linear(16, 2)), device, learningRate: 0.5);
        var metrics = run.Trainer.Fit(train, test, epochs: 10).ToArray();
        Assert.That(metrics[^1].TrainAccuracy, Is.GreaterThan(0.97));
        Assert.That(metrics[^1].TestAccuracy, Is.GreaterThan(0.97));
        Assert.That(metrics[^1].TrainLoss, Is.LessThan(0.5 * metrics[0].TrainLoss));
    }

    [Test]
    public void Fit_DrawnGarments_AreLearntByTheSeedNetwork()
    {
        using var train = new DataLoader(_garments.Train, 32, device, shuffle: true);
        using var test = new DataLoader(_garments.Test, 64, device);
        using var run = new Run(SeedNetwork.Create(notebookInitialization: false), device, learningRate: 0.1);
        var metrics = run.Trainer.Fit(train, test, epochs: 3).ToArray();
        // Ten classes: chance is 0.1.
        Assert.That(metrics[^1].TestAccuracy, Is.GreaterThan(0.6));
        Assert.That(metrics[^1].TrainLoss, Is.LessThan(metrics[0].TrainLoss));
    }

    [Test]
    public void Fit_MetricsAndProgress_AreComplete()
    {
        using var train = new DataLoader(Halves(50, seed: 1), 16, device, shuffle: true);
        using var test = new DataLoader(Halves(20, seed: 2), 16, device);
        using var run = new Run(new Sequential(new Flatten(), new Linear(16, 2)), device, learningRate: 0.1);
        var reports = new Reports();
        var metrics = run.Trainer.Fit(train, test, epochs: 3, reports).ToArray();
        Assert.That(metrics.Select(m => m.Epoch), Is.EqualTo(new[] { 1, 2, 3 }));
        foreach (var epoch in metrics)
        {
            Assert.That(epoch.TrainAccuracy, Is.InRange(0, 1));
            Assert.That(epoch.TestAccuracy, Is.InRange(0, 1));
            Assert.That(epoch.TrainAccuracy * 50 % 1, Is.EqualTo(0).Within(1e-9).Or.EqualTo(1).Within(1e-9));
            Assert.That(epoch.TestAccuracy * 20 % 1, Is.EqualTo(0).Within(1e-9).Or.EqualTo(1).Within(1e-9));
            Assert.That(epoch.TrainLoss, Is.GreaterThan(0).And.LessThan(10));
            Assert.That(epoch.TestLoss, Is.GreaterThan(0).And.LessThan(10));
            Assert.That(epoch.Seconds, Is.GreaterThan(0));
            Assert.That(epoch.ImagesPerSecond, Is.EqualTo(50 / epoch.Seconds).Within(1e-6).Percent);
        }

        Assert.That(
            reports.All,
            Is.EqualTo(from epoch in Enumerable.Range(1, 3)
                       from step in Enumerable.Range(1, 4)
                       select new TrainingProgress(epoch, step, 4)));
    }

    [TestCase(ScheduleInterval.Step)]
    [TestCase(ScheduleInterval.Epoch)]
    public void Fit_WithASchedule_SetsTheRateBeforeEveryStepOrEpoch(ScheduleInterval interval)
    {
        // 50 images in batches of 16: four steps an epoch, of which the last is smaller.
        using var train = new DataLoader(Halves(50, seed: 1), 16, device);
        using var test = new DataLoader(Halves(20, seed: 2), 16, device);
        using var model = new Sequential(new Flatten(), new Linear(16, 2));
        model.Initialize(device, seed: 1);
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = new Sgd(model.Parameters, 1);
        var asked = new List<long>();
        var schedule = LearningRateSchedule.From(number =>
        {
            asked.Add(number);
            return 0.1 / (1 + number);
        });
        using var trainer = new Trainer(model, loss, optimizer, schedule, interval) { StepsDone = 8, EpochsDone = 2 };
        var rates = new List<double>();

        _ = trainer.Fit(train, test, epochs: 3, new RateReports(() => rates.Add(optimizer.LearningRate))).Count();

        Assert.That((trainer.StepsDone, trainer.EpochsDone), Is.EqualTo((20, 5)));
        var numbers = interval == ScheduleInterval.Step
            ? Enumerable.Range(8, 12).ToArray()
            : [2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4];
        Assert.That(rates, Is.EqualTo(numbers.Select(number => 0.1 / (1 + number))));
        Assert.That(asked, Is.EqualTo(numbers.Distinct()));
    }

    [Test]
    public void Constructor_NoInterval_IsRefused()
    {
        using var model = new Linear(2, 2);
        model.Initialize(device);
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = new Sgd(model.Parameters, 1);
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Trainer(model, loss, optimizer, null, (ScheduleInterval)4), "Trainer", "4 is no interval");
    }

    [Test]
    public void Fit_WithoutLearning_TrainAndTestMetricsAgree()
    {
        // A short last batch too: means are over images, not over batches.
        using var train = new DataLoader(Halves(50, seed: 1), 16, device, shuffle: true);
        using var test = new DataLoader(Halves(50, seed: 1), 7, device);
        using var run = new Run(new Sequential(new Flatten(), new Linear(16, 2)), device, learningRate: 0);
        var metrics = run.Trainer.Fit(train, test, epochs: 1).Single();
        Assert.That(metrics.TrainLoss, Is.EqualTo(metrics.TestLoss).Within(1e-6));
        Assert.That(metrics.TrainAccuracy, Is.EqualTo(metrics.TestAccuracy));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Evaluate_LeavesModeAndStateAsTheyWere(bool training)
    {
        using var data = new DataLoader(_garments.Test.Take(70), 32, device);
        using var run = new Run(SeedNetwork.Create(notebookInitialization: false), device, learningRate: 0.1);
        foreach (var batch in data)
            run.Trainer.Step(batch);
        run.Model.IsTraining = training;
        var before = run.StateBytes();
        var first = run.Trainer.Evaluate(data);
        Assert.That(run.StateBytes(), Is.EqualTo(before));
        Assert.That(run.Model.IsTraining, Is.EqualTo(training));
        Assert.That(((Sequential)run.Model).Layers.Select(l => l.IsTraining), Is.All.EqualTo(training));
        Assert.That(run.Trainer.Evaluate(data), Is.EqualTo(first));
        using var single = new DataLoader(_garments.Test.Take(70), 1, device);
        Assert.That(run.Trainer.Evaluate(single).Accuracy, Is.EqualTo(first.Accuracy), "batches of one");
    }

    [Test]
    public void Evaluate_Cancelled_LeavesModeAsItWas()
    {
        using var data = new DataLoader(Halves(50, seed: 1), 16, device);
        using var run = new Run(new Sequential(new Flatten(), new Linear(16, 2)), device, learningRate: 0.1);
        Assert.That(
            () => run.Trainer.Evaluate(data, new CancellationToken(canceled: true)),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(run.Model.IsTraining, Is.True);
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(4)]
    [TestCase(6)]
    public void Fit_Cancelled_EndsAfterTheStepUnderWay(int steps)
    {
        using var train = new DataLoader(Halves(64, seed: 1), 16, device, shuffle: true);
        using var test = new DataLoader(Halves(20, seed: 2), 16, device);
        using var run = new Run(new Sequential(new Flatten(), new Linear(16, 2)), device, learningRate: 0.1);
        using var cancellation = new CancellationTokenSource();
        var reports = new Reports(count =>
        {
            if (count == steps)
                cancellation.Cancel();
        });
        List<EpochMetrics> metrics = [];
        Assert.That(
            () => metrics.AddRange(run.Trainer.Fit(train, test, 10, reports, cancellation: cancellation.Token)),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(reports.All, Has.Count.EqualTo(steps));

        // The model is that of so many steps, and goes on working.
        using var sameTrain = new DataLoader(Halves(64, seed: 1), 16, device, shuffle: true);
        using var same = new Run(new Sequential(new Flatten(), new Linear(16, 2)), device, learningRate: 0.1);
        for (var step = 0; step < steps;)
        {
            foreach (var batch in sameTrain)
            {
                if (step++ < steps)
                    same.Trainer.Step(batch);
            }
        }

        Assert.That(run.StateBytes(), Is.EqualTo(same.StateBytes()));
        Assert.That(run.Trainer.Fit(train, test, 1).Single().TrainAccuracy, Is.InRange(0, 1));
    }

    [Test]
    public void Fit_CancelledBefore_TakesNoStep()
    {
        using var train = new DataLoader(Halves(64, seed: 1), 16, device);
        using var run = new Run(new Sequential(new Flatten(), new Linear(16, 2)), device, learningRate: 0.1);
        var before = run.StateBytes();
        var reports = new Reports();
        Assert.That(
            () => run.Trainer.Fit(
                train, train, 1, reports, cancellation: new CancellationToken(canceled: true)).ToArray(),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(reports.All, Is.Empty);
        Assert.That(run.StateBytes(), Is.EqualTo(before));
    }

    [TestCase(0)]
    [TestCase(-5)]
    public void Fit_EpochsNotPositive_ThrowsAtOnce(int epochs)
    {
        using var data = new DataLoader(Halves(64, seed: 1), 16, device);
        using var run = new Run(new Sequential(new Flatten(), new Linear(16, 2)), device, learningRate: 0.1);
        ErrorAssert.Throws<ArgumentException>(() => run.Trainer.Fit(data, data, epochs), "Trainer", $"not {epochs}");
        Assert.That(() => run.Trainer.Fit(null!, data, 1), Throws.ArgumentNullException);
        Assert.That(() => run.Trainer.Fit(data, null!, 1), Throws.ArgumentNullException);
        Assert.That(() => run.Trainer.Evaluate(null!), Throws.ArgumentNullException);
    }

    [Test]
    public void Fit_DataThatDoesNotFitTheModel_NamesTheLayer()
    {
        using var run = new Run(new Sequential(new Flatten(), new Linear(15, 2)), device, learningRate: 0.1);
        using var data = new DataLoader(Halves(64, seed: 1), 16, device);
        using var doubles = new DataLoader(Halves(64, seed: 1), 16, device, DType.Float64);
        ErrorAssert.Throws<ArgumentException>(
            () => _ = run.Trainer.Fit(data, data, 1).ToArray(), "Linear 'fc1'", "[N, 15]", "[16, 16]");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = run.Trainer.Fit(doubles, doubles, 1).ToArray(), "Sequential", "Float64 tensor [16, 1, 4, 4]");
    }

    [Test]
    public void Fit_SameSeed_GivesTheSameBitsForAnyNumberOfThreads()
    {
        var results = new List<byte[]>();
        foreach (var threads in new[] { 1, 2, 2, 8 })
        {
            using var backend = new CpuBackend(threads);
            using var train = new DataLoader(_garments.Train.Take(200), 32, backend.Device, shuffle: true, seed: 5);
            using var run = new Run(SeedNetwork.Create(), backend.Device, learningRate: 0.2);
            _ = run.Trainer.Fit(train, train, 1).Single();
            results.Add(run.StateBytes());
        }

        foreach (var result in results)
            Assert.That(result.AsSpan().SequenceEqual(results[0]), Is.True);
    }

    /// <summary>4 x 4 images, brighter on the left (class 0) or on the right (class 1), with noise.</summary>
    private static ImageDataset Halves(int count, int seed)
    {
        var random = new Random(seed);
        var images = new byte[count * 16];
        var labels = new byte[count];
        for (var i = 0; i < count; i++)
        {
            labels[i] = (byte)random.Next(2);
            for (var pixel = 0; pixel < 16; pixel++)
                images[i * 16 + pixel] = (byte)(random.Next(120) + (pixel % 4 / 2 == labels[i] ? 130 : 0));
        }

        return new ImageDataset("halves", 1, 4, 4, images, labels, ["left", "right"]);
    }

    private sealed class Run : IDisposable
    {
        private readonly SoftmaxCrossEntropy _loss = new();
        private readonly Sgd _optimizer;

        public Run(Layer model, Device device, double learningRate)
        {
            Model = model;
            model.Initialize(device, seed: 1);
            _optimizer = new Sgd(model.Parameters, learningRate);
            Trainer = new Trainer(model, _loss, _optimizer);
        }

        public Layer Model { get; }

        public Trainer Trainer { get; }

        public byte[] StateBytes() =>
        [
            .. Model.State.SelectMany(s => s.Tensor.DType == DType.Int64
                ? s.Tensor.ToArray<long>().SelectMany(BitConverter.GetBytes)
                : s.Tensor.ToArray<float>().SelectMany(BitConverter.GetBytes)),
        ];

        public void Dispose()
        {
            Trainer.Dispose();
            Model.Dispose();
            _loss.Dispose();
            _optimizer.Dispose();
        }
    }

    private sealed class RateReports(Action report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report();
    }

    private sealed class Reports(Action<int>? onReport = null) : IProgress<TrainingProgress>
    {
        public List<TrainingProgress> All { get; } = [];

        public void Report(TrainingProgress value)
        {
            All.Add(value);
            onReport?.Invoke(All.Count);
        }
    }
}
