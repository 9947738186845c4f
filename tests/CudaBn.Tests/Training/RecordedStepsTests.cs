using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Training;

/// <summary>A trainer, which records steps on devices that can, does what the operators do when they are called one by
/// one: bit for bit.</summary>
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InFloat32))]
public class RecordedStepsTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly ImageDataSplits _garments = DrawnGarments.Create(40, 24);

    [TestCase(0.0)]
    [TestCase(0.9)]
    public void Epochs_EqualOperatorsCalledByHand(double momentum)
    {
        // 40 images in batches of 16 end with one of 8: two shapes are recorded.
        var recorded = Own(new Run(Device, momentum));
        var byHand = Own(new Run(Device, momentum));
        for (var epoch = 0; epoch < 4; epoch++)
        {
            var metrics = recorded.Fit(epochs: 1)[0];
            var (train, test) = (byHand.TrainByHand(), byHand.EvaluateByHand());
            Assert.That((metrics.TrainLoss, metrics.TrainAccuracy), Is.EqualTo(train), $"training epoch {epoch}");
            Assert.That((metrics.TestLoss, metrics.TestAccuracy), Is.EqualTo(test), $"evaluation {epoch}");
            AssertSameState(recorded, byHand, $"epoch {epoch}");
        }
    }

    [Test]
    public void Epochs_WithDropoutAdamClippingAndSchedule_EqualOperatorsCalledByHand()
    {
        var recorded = Own(Run.WithDropoutAndAdam(Device));
        var byHand = Own(Run.WithDropoutAndAdam(Device));
        for (var epoch = 0; epoch < 4; epoch++)
        {
            var metrics = recorded.Fit(epochs: 1)[0];
            var (train, test) = (byHand.TrainByHand(), byHand.EvaluateByHand());
            Assert.That((metrics.TrainLoss, metrics.TrainAccuracy), Is.EqualTo(train), $"training epoch {epoch}");
            Assert.That((metrics.TestLoss, metrics.TestAccuracy), Is.EqualTo(test), $"evaluation {epoch}");
            AssertSameState(recorded, byHand, $"epoch {epoch}");
        }

        // Twelve steps, each with a mask of its own and a step count of its own.
        foreach (var run in new[] { recorded, byHand })
        {
            Assert.That(run.Dropout!.Step!.ToArray<long>(), Is.EqualTo(new long[] { 12 }));
            Assert.That(((AdamOptimizer)run.Optimizer).Steps.ToArray<long>(), Is.All.EqualTo(12));
        }
    }

    [Test]
    public void Parameters_FrozenAndThawed_AreFollowed()
    {
        var recorded = Own(Run.WithDropoutAndAdam(Device));
        var byHand = Own(Run.WithDropoutAndAdam(Device));
        foreach (var isFrozen in new[] { false, true, false, true })
        {
            foreach (var run in new[] { recorded, byHand })
                run.Model.Parameters[0].RequiresGradient = !isFrozen;
            for (var i = 0; i < 2; i++)
            {
                recorded.Fit(epochs: 1);
                byHand.TrainByHand();
                byHand.EvaluateByHand();
            }

            AssertSameState(recorded, byHand, $"frozen {isFrozen}");
        }
    }

    [Test]
    public void Modes_ChangedBetweenEpochs_AreFollowed()
    {
        var recorded = Own(new Run(Device));
        var byHand = Own(new Run(Device));
        Action<Run>[] changes =
        [
            _ => { },
            run => run.Optimizer.LearningRate = 0.01,
            run => run.BatchNorm.FreezeStatistics = true,
            run => run.BatchNorm.FreezeStatistics = false,
            run => run.Model.Layers[0].Freeze(),
            run => run.Model.Layers[0].Unfreeze(),
            run => run.Model.FusesLayers = false,
            run => (run.Model.FusesLayers, run.Optimizer.LearningRate) = (true, 0.3),
        ];
        foreach (var change in changes)
        {
            change(recorded);
            change(byHand);
            // Twice, so that each mode is recorded.
            for (var i = 0; i < 2; i++)
            {
                recorded.Fit(epochs: 1);
                byHand.TrainByHand();
                byHand.EvaluateByHand();
            }

            AssertSameState(recorded, byHand, $"change {Array.IndexOf(changes, change)}");
        }
    }

    [Test]
    public void Buffers_ThatGrowInBetween_AreFollowed()
    {
        var recorded = Own(new Run(Device));
        var byHand = Own(new Run(Device));
        using var large = new DataLoader(_garments.Train, 40, Device);
        for (var i = 0; i < 3; i++)
        {
            recorded.Fit(epochs: 1);
            byHand.TrainByHand();
            byHand.EvaluateByHand();
        }

        Assert.That(recorded.Trainer.Evaluate(large), Is.EqualTo(byHand.Trainer.Evaluate(large)));
        recorded.Fit(epochs: 1);
        byHand.TrainByHand();
        AssertSameState(recorded, byHand, "after a batch larger than all before");
    }

    [Test]
    public void Run_OnADeviceThatRecords_CallsTheWorkTwice()
    {
        using var steps = new RecordedSteps();
        var image = TensorOf([1, 2], [1, 2]);
        var sum = TensorOf([0, 0], [1, 2]);
        var calls = 0;
        var key = new RecordedSteps.Key(Work, null, image, image, 0);
        for (var i = 0; i < 5; i++)
            Assert.That(steps.Run(Device.Backend, in key, Work), Is.EqualTo(Device.Backend.CanRecord && i >= 2), $"{i}");
        Assert.That(calls, Is.EqualTo(Device.Backend.CanRecord ? 2 : 5));
        Assert.That(Read(sum), Is.EqualTo(new double[] { 1, 2 }));

        var other = key with { Mode = 1 };
        Assert.That(steps.Run(Device.Backend, in other, Work), Is.False, "another mode");

        void Work()
        {
            calls++;
            Device.Backend.Copy(image, sum);
        }
    }

    [Test]
    public void BackwardByHand_AfterAReplay_NeedsAForwardPass()
    {
        if (!Device.Backend.CanRecord)
            Assert.Pass("Nothing is recorded here: the layers know of every step.");
        var run = Own(new Run(Device));
        run.Fit(epochs: 3);
        using var gradient = Tensor.Zeros([16, 10], DType, Device);
        Assert.That(() => run.Model.BackwardParameters(gradient), Throws.InvalidOperationException);
        Assert.That(() => run.Loss.Backward(), Throws.InvalidOperationException);
    }

    [Test]
    public void Steps_OnceTheyRepeat_AllocateNothing([Values] bool withDropoutAndAdam)
    {
        var run = Own(withDropoutAndAdam ? Run.WithDropoutAndAdam(Device) : new Run(Device, momentum: 0.9, learningRate: 0.02));
        Steps(4);
        Assert.That(Allocations.Of(() => Steps(8)), Is.Zero);

        void Steps(int epochs)
        {
            for (var epoch = 0; epoch < epochs; epoch++)
            {
                foreach (var batch in run.Train)
                    run.Trainer.Step(batch);
            }
        }
    }

    private static void AssertSameState(Run a, Run b, string when)
    {
        foreach (var (x, y) in a.Model.State.Zip(b.Model.State))
        {
            if (x.Tensor.DType == DType.Int64)
                Assert.That(x.Tensor.ToArray<long>(), Is.EqualTo(y.Tensor.ToArray<long>()), $"{x.Name} {when}");
            else
                Assert.That(
                    x.Tensor.ToArray<float>().Select(BitConverter.SingleToInt32Bits),
                    Is.EqualTo(y.Tensor.ToArray<float>().Select(BitConverter.SingleToInt32Bits)), $"{x.Name} {when}");
        }
    }

    private sealed class Run : IDisposable
    {
        private readonly LearningRateSchedule? _schedule;
        private int _stepsByHand;

        public Run(Device device, double momentum = 0, double learningRate = 0.1)
            : this(device, dropout: null, parameters => new Sgd(parameters, learningRate, momentum), schedule: null)
        {
        }

        private Run(
            Device device, Dropout? dropout, Func<IReadOnlyList<Parameter>, Optimizer> optimizer,
            LearningRateSchedule? schedule)
        {
            BatchNorm = new BatchNorm(4);
            Layer[] layers =
            [
                new Conv2d(1, 4, kernel: 5, stride: 2, padding: 2), BatchNorm, new ReLU(), new MaxPool2d(2),
                new Conv2d(4, 4, kernel: 3, padding: 1, groups: 4), new Conv2d(4, 4, kernel: 3, padding: 2, dilation: 2),
                new Flatten(), new Linear(196, 10),
            ];
            (Dropout, _schedule) = (dropout, schedule);
            Model = new Sequential(dropout is null ? layers : [.. layers[..^1], new GELU(), dropout, layers[^1]]);
            Model.Initialize(device, seed: 1);
            Optimizer = optimizer(Model.Parameters);
            Trainer = new Trainer(Model, Loss, Optimizer, schedule);
            Train = new DataLoader(
                _garments.Train, 16, device, shuffle: true, seed: 3,
                augmentation: new Augmentation(2, horizontalFlip: true), normalization: new Normalization([0.3], [0.3]));
            Test = new DataLoader(_garments.Test, 16, device);
        }

        public static Run WithDropoutAndAdam(Device device) => new(
            device, new Dropout(0.3), parameters => new AdamW(parameters, maxGradientNorm: 0.5),
            LearningRateSchedule.OneCycle(0.01, 12).WithWarmUp(3));

        public BatchNorm BatchNorm { get; }

        public Dropout? Dropout { get; }

        public Sequential Model { get; }

        public SoftmaxCrossEntropy Loss { get; } = new();

        public Optimizer Optimizer { get; }

        public Trainer Trainer { get; }

        public DataLoader Train { get; }

        public DataLoader Test { get; }

        public EpochMetrics[] Fit(int epochs) => [.. Trainer.Fit(Train, Test, epochs)];

        public (double Loss, double Accuracy) TrainByHand() => OverEpoch(Train, training: true);

        public (double Loss, double Accuracy) EvaluateByHand() => OverEpoch(Test, training: false);

        public void Dispose()
        {
            Trainer.Dispose();
            Model.Dispose();
            Loss.Dispose();
            Optimizer.Dispose();
            Train.Dispose();
            Test.Dispose();
        }

        private (double Loss, double Accuracy) OverEpoch(DataLoader loader, bool training)
        {
            Model.IsTraining = training;
            Loss.ResetTotals();
            foreach (var batch in loader)
            {
                if (training && _schedule is not null)
                    Optimizer.LearningRate = _schedule.At(_stepsByHand++);
                Loss.Forward(Model.Forward(batch.Images), batch.Labels);
                if (!training)
                    continue;
                Model.BackwardParameters(Loss.Backward());
                Optimizer.Step();
            }

            Model.IsTraining = true;
            var totals = Loss.ReadTotals();
            return (totals.Loss / loader.ImageCount, (double)totals.Correct / loader.ImageCount);
        }
    }
}
