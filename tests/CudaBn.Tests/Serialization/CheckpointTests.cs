using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

/// <summary>Training that goes on from a checkpoint comes to the same bits as training that never ended: weights, statistics,
/// the optimizer's state and metrics, on every backend, recorded steps included.</summary>
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class CheckpointTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private const int Epochs = 3;

    [Test]
    public void Fit_AfterLoad_EqualsTrainingThatNeverEnded(
        [ValueSource(typeof(CheckpointSetup), nameof(CheckpointSetup.Recipes))] string recipe)
    {
        using var folder = new TemporaryFolder();
        var setup = Setup(recipe);
        var uninterrupted = Own(new CheckpointRun(setup, Device, DType));
        var expected = Values(uninterrupted.FitUpTo(Epochs));
        var state = uninterrupted.State();

        // The same, saved after every step: that changes nothing.
        var saved = Own(new CheckpointRun(setup, Device, DType));
        saved.Save(folder["0"]);
        Assert.That(Values(saved.FitUpTo(Epochs, () => saved.Save(folder[$"{saved.Trainer.StepsDone}"]))), Is.EqualTo(expected));
        Assert.That(saved.State(), Is.EqualTo(state));

        // From before the first step, the middle, the end and just after the end of an epoch's steps. A trainer that was never
        // used goes on, or one that has gone further: its steps are recorded, and its buffers are full.
        var perEpoch = saved.Train.BatchCount;
        foreach (var (step, isNew) in new[]
        {
            (0, false), (1, true), (perEpoch, true), (perEpoch + 1, false), (3 * perEpoch - 1, true),
        })
        {
            var run = isNew ? Own(new CheckpointRun(setup, Device, DType)) : saved;
            run.Load(folder[$"{step}"]);
            Assert.That(run.Trainer.StepsDone, Is.EqualTo(step));
            var epochsBefore = run.Trainer.EpochsDone;
            Assert.That(Values(run.FitUpTo(Epochs)), Is.EqualTo(expected[epochsBefore..]), $"metrics from step {step}");
            Assert.That(run.State(), Is.EqualTo(state), $"state from step {step}");
        }
    }

    [Test]
    public void Fit_AfterLoadBetweenEpochs_EqualsTrainingThatNeverEnded()
    {
        using var folder = new TemporaryFolder();
        var setup = Setup("AdamW");
        var uninterrupted = Own(new CheckpointRun(setup, Device, DType));
        var expected = new List<EpochMetrics>();
        foreach (var epoch in uninterrupted.Trainer.Fit(uninterrupted.Train, uninterrupted.Test, Epochs))
        {
            expected.Add(epoch);
            uninterrupted.Save(folder[$"{epoch.Epoch}"]);
        }

        for (var epoch = 1; epoch < Epochs; epoch++)
        {
            var run = Own(new CheckpointRun(setup, Device, DType));
            run.Load(folder[$"{epoch}"]);
            Assert.That((run.Trainer.EpochsDone, run.Trainer.StepsInEpoch), Is.EqualTo((epoch, 0)));
            Assert.That(Values(run.FitUpTo(Epochs)), Is.EqualTo(Values(expected[epoch..])));
            Assert.That(run.State(), Is.EqualTo(uninterrupted.State()));
        }
    }

    // Two batches of eight and a last one of four.
    private static CheckpointSetup Setup(string recipe)
    {
        var setup = CheckpointSetup.Of(recipe);
        return setup with { Images = setup.Images.Take(20) };
    }

    // All that does not depend on the clock.
    private static (int, double, double, double, double)[] Values(IEnumerable<EpochMetrics> metrics) =>
    [
        .. metrics.Select(epoch =>
            (epoch.Epoch, epoch.TrainLoss, epoch.TrainAccuracy, epoch.TestLoss, epoch.TestAccuracy)),
    ];
}
