using CudaBn.Tests.Backends;
using CudaBn.Tests.Core;
using CudaBn.Tests.Data;
using NUnit.Framework;

namespace CudaBn.Tests.Training;

/// <summary>Losses that become infinite in mid-epoch, where a device that queues learns of it later.</summary>
[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class NonFiniteEpochTests(Device device)
{
    private const int StepsPerEpoch = 6;

    // The update of step 9, the third of the second epoch, makes weights that the next step cannot multiply by.
    [Test]
    public void Fit_WeightsThatOverflowInMidEpoch_NamesEpochStepAndLayer([Values] bool augments)
    {
        using var stopped = new Run(device, augments);
        var epochs = new List<EpochMetrics>();
        var fault = Assert.Throws<NonFiniteException>(() => epochs.AddRange(Endless(stopped)))!;

        Assert.That((fault.Step, fault.Epoch, fault.StepOfEpoch), Is.EqualTo((10, 2, 4)));
        Assert.That((fault.Origin, fault.Layer), Is.EqualTo((NonFiniteOrigin.Forward, "fc2")), fault.Message);
        Assert.That(fault.Message, Does.Contain("step 10 (epoch 2, step 4 of it)").And.Contain("Linear 'fc2'"));
        Assert.That(stopped.Trainer.StepsDone, Is.EqualTo(9));

        // Parameters are those that nine steps make, whatever was queued behind the tenth.
        using var same = new Run(device, augments);
        using var loader = same.Loader();
        for (var step = 0; step < 9;)
        {
            foreach (var batch in loader)
            {
                if (step++ < 9)
                    same.Trainer.Step(batch);
            }
        }

        Assert.That(stopped.Bits(), Is.EqualTo(same.Bits()));

        static IEnumerable<EpochMetrics> Endless(Run run)
        {
            using var train = run.Loader();
            using var test = run.Loader();
            foreach (var epoch in run.Trainer.Fit(train, test, 100))
                yield return epoch;
        }
    }

    [Test]
    public void Fit_LookingOn_StopsAtTheSameStep()
    {
        using var run = new Run(device, augments: false);
        run.Trainer.DetectAnomalies = true;
        using var data = run.Loader();
        var fault = Assert.Throws<NonFiniteException>(() => _ = run.Trainer.Fit(data, data, 2).Count())!;
        Assert.That(
            (fault.Step, fault.Epoch, fault.StepOfEpoch, fault.Origin, fault.Layer),
            Is.EqualTo((10, 2, 4, NonFiniteOrigin.Forward, "fc2")));
    }

    [Test]
    public void Fit_TestImagesThatOverflow_StopsAndNamesTheLayer()
    {
        using var model = new Sequential(new Flatten(), new Linear(16, 3), new Linear(3, 2));
        model.Initialize(device, seed: 1);
        var weights = model.Parameters[0].Value.ToDoubles();
        weights.AsSpan(0, 2).Fill(float.MaxValue);
        model.Parameters[0].Value.CopyFromDoubles(weights);
        using var loss = new SoftmaxCrossEntropy();
        using var sgd = new Sgd(model.Parameters, 0);
        using var trainer = new Trainer(model, loss, sgd);
        // Two pixels together are more than a float holds; they are black in all images but one.
        var images = new byte[24 * 16];
        using var train = new DataLoader(Of(images), 8, device);
        var bright = images.ToArray();
        bright.AsSpan(10 * 16, 2).Fill(255);
        using var test = new DataLoader(Of(bright), 8, device);

        var fault = Assert.Throws<NonFiniteException>(() => _ = trainer.Fit(train, test, 2).Count())!;
        Assert.That((fault.Step, fault.Epoch, fault.Layer, fault.Origin), Is.EqualTo((3, 1, "fc1", NonFiniteOrigin.Forward)));
        Assert.That(fault.Message, Does.Contain("loss on the test images is not finite").And.Contain("batch 2 of 3"));
        Assert.That(model.IsTraining, Is.True);
        Assert.That(trainer.Fit(train, train, 1).Single().Epoch, Is.EqualTo(1));

        static ImageDataset Of(byte[] images) => new(
            "dark", 1, 4, 4, images, Enumerable.Range(0, 24).Select(i => (byte)(i % 2)).ToArray(), ["a", "b"]);
    }

    [Test]
    public void Steps_OfOnesOwn_FindOutWithinASecond()
    {
        using var run = new Run(device, augments: false);
        using var data = run.Loader();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var fault = Assert.Throws<NonFiniteException>(() =>
        {
            while (clock.Elapsed < TimeSpan.FromSeconds(20))
            {
                foreach (var batch in data)
                    run.Trainer.Step(batch);
            }
        })!;
        Assert.That(fault.Step, Is.EqualTo(10));
        Assert.That(fault.Epoch, Is.Null);
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
    }

    private sealed class Run : IDisposable
    {
        private readonly Device _device;
        private readonly bool _augments;
        private readonly Sequential _model = new(new Flatten(), new Linear(16, 3), new BatchNorm(3), new Linear(3, 2));
        private readonly SoftmaxCrossEntropy _loss = new();
        private readonly Sgd _optimizer;

        public Run(Device device, bool augments)
        {
            (_device, _augments) = (device, augments);
            _model.Initialize(device, seed: 1);
            _optimizer = new Sgd(_model.Parameters, 0.1);
            Trainer = new Trainer(
                _model, _loss, _optimizer, LearningRateSchedule.From(step => step == 8 ? 3e38 : 0.125));
        }

        public Trainer Trainer { get; }

        public DataLoader Loader() => new(
            new ImageDataset(
                "random", 1, 4, 4, IdxBytes.Random(9, 48 * 16), Enumerable.Range(0, 48).Select(i => (byte)(i % 2)).ToArray(),
                ["a", "b"]),
            48 / StepsPerEpoch, _device, shuffle: true, seed: 4,
            augmentation: _augments ? new Augmentation(1, horizontalFlip: true) : null);

        public byte[] Bits() => [.. _model.Parameters.SelectMany(parameter => TensorBits.Of(parameter.Value))];

        public void Dispose()
        {
            Trainer.Dispose();
            _model.Dispose();
            _loss.Dispose();
            _optimizer.Dispose();
        }
    }
}
