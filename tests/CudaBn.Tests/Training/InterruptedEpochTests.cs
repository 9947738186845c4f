using CudaBn.Tests.Core;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Training;

/// <summary>Epochs that are broken off and gone on with, without a file in between.</summary>
public class InterruptedEpochTests
{
    [Test]
    public void Fit_AfterCancellation_GoesOnWithTheEpoch([Values(0, 1, 5, 6, 8)] int steps, [Values] bool evaluatesInBetween)
    {
        using var uninterrupted = new CheckpointRun(CheckpointSetup.Of("Adam"));
        var expected = uninterrupted.FitUpTo(2);

        using var run = new CheckpointRun(CheckpointSetup.Of("Adam"));
        List<EpochMetrics> metrics = [];
        Cancel(run, steps, metrics);
        Assert.That(run.Trainer.StepsInEpoch, Is.EqualTo(steps > 6 ? steps - 6 : steps));
        // Cancelled after its last step, an epoch was not evaluated yet.
        Assert.That((run.Trainer.EpochsDone, metrics.Count), Is.EqualTo((steps / 7, steps / 7)));
        if (evaluatesInBetween)
            run.Trainer.Evaluate(run.Test);
        metrics.AddRange(run.FitUpTo(2));

        Assert.That(run.State(), Is.EqualTo(uninterrupted.State()));
        foreach (var (a, b) in metrics.Zip(expected))
        {
            Assert.That(a with { Seconds = 0, ImagesPerSecond = 0 }, Is.EqualTo(b with { Seconds = 0, ImagesPerSecond = 0 }));
            Assert.That(a.ImagesPerSecond, Is.EqualTo(44 / a.Seconds).Within(1e-6).Percent);
        }
    }

    [Test]
    public void Fit_LoaderEnumeratedInBetween_BeginsAnEpoch()
    {
        using var run = new CheckpointRun(CheckpointSetup.Of("Adam"));
        Cancel(run, steps: 2, []);
        foreach (var batch in run.Train)
            Assert.That(batch.Count, Is.Positive);
        Assert.That(run.Trainer.StepsInEpoch, Is.Zero);
        run.FitUpTo(1);
        Assert.That((run.Trainer.StepsDone, run.Train.NextEpoch), Is.EqualTo((8, 3)));
    }

    [Test]
    public void Fit_FailedStep_IsNotGoneOnWith()
    {
        using var run = new CheckpointRun(new CheckpointSetup());
        using var other = new DataLoader(DrawnGarments.Create(10, 1).Train, 5, dtype: DType.Float64);
        Assert.That(() => run.Trainer.Fit(other, run.Test, 1).Count(), Throws.ArgumentException);
        Assert.That((run.Trainer.StepsInEpoch, run.Trainer.StepsDone), Is.EqualTo((0, 0)));
    }

    [Test]
    public void Remaining_AfterAnEnumerationLeftEarly_GivesTheOtherBatches()
    {
        using var run = new CheckpointRun(new CheckpointSetup());
        Assert.That(run.Train.Remaining(), Is.Empty, "before the first epoch");
        var expected = run.Train.Select(batch => batch.Images.ToArray<float>()).ToArray();
        Assert.That(run.Train.Remaining(), Is.Empty, "at the end");
        run.Train.NextEpoch = 0;
        var taken = run.Train.Take(2).Select(batch => batch.Images.ToArray<float>()).ToArray();
        Assert.That(run.Train.BatchesMade, Is.EqualTo(2));
        var remaining = run.Train.Remaining().Select(batch => batch.Images.ToArray<float>()).ToArray();
        Assert.That(taken.Concat(remaining), Is.EqualTo(expected));
    }

    [Test]
    public void Loop_OfOnesOwn_GoesOnFromACheckpoint()
    {
        using var folder = new TemporaryFolder();
        using var expected = new CheckpointRun(CheckpointSetup.Of("Sgd"));
        foreach (var batch in expected.Train)
        {
            expected.Trainer.Step(batch);
            if (expected.Trainer.StepsDone == 4)
                expected.Save(folder["four"]);
        }

        using var run = new CheckpointRun(CheckpointSetup.Of("Sgd"));
        run.Load(folder["four"]);
        foreach (var batch in run.Train.Remaining())
            run.Trainer.Step(batch);
        Assert.That(run.State(), Is.EqualTo(expected.State()));
        Assert.That(run.Loss.ReadTotals(), Is.EqualTo(expected.Loss.ReadTotals()));
    }

    [Test]
    public void Fit_CalledAgain_CountsEpochsOn()
    {
        using var run = new CheckpointRun(new CheckpointSetup());
        var reports = new List<int>();
        var progress = new Reports(value => reports.Add(value.Epoch));
        var metrics = run.Trainer.Fit(run.Train, run.Test, 1, progress)
            .Concat(run.Trainer.Fit(run.Train, run.Test, 2, progress)).ToArray();
        Assert.That(metrics.Select(epoch => epoch.Epoch), Is.EqualTo(new[] { 1, 2, 3 }));
        Assert.That(reports.Distinct(), Is.EqualTo(new[] { 1, 2, 3 }));
    }

    [Test]
    public void Fit_BetweenSaves_AllocatesNothing()
    {
        using var run = new CheckpointRun(CheckpointSetup.Of("Adam") with { BatchSize = 2, DropLast = true });
        long before = 0, allocated = long.MaxValue;
        var saves = 0;
        var progress = new Reports(value =>
        {
            // The first epoch warms up; saves come after steps 20 and 40, of which the second epoch has the one, as its 18th.
            // A collection empties what the runtime holds weakly, such as the names of types.
            if ((value.Epoch, value.Step) == (2, 3))
            {
                GC.Collect();
                before = GC.GetAllocatedBytesForCurrentThread();
            }

            if ((value.Epoch, value.Step) == (2, 17))
                allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        });
        _ = run.Trainer.Fit(run.Train, run.Test, 2, progress, new CheckpointInterval(20, () => saves++)).Count();
        Assert.That((saves, allocated), Is.EqualTo((2, 0)));
    }

    [TestCase(0)]
    [TestCase(-3)]
    public void Interval_NotPositive_IsRefused(long steps) => ErrorAssert.Throws<ArgumentException>(
        () => _ = new CheckpointInterval(steps, () => { }), "CheckpointInterval", $"not {steps}");

    private static void Cancel(CheckpointRun run, int steps, List<EpochMetrics> metrics)
    {
        using var cancellation = new CancellationTokenSource();
        if (steps == 0)
            cancellation.Cancel();
        var progress = new Reports(value =>
        {
            if (run.Trainer.StepsDone == steps)
                cancellation.Cancel();
        });
        Assert.That(
            () =>
            {
                foreach (var epoch in run.Trainer.Fit(run.Train, run.Test, 2, progress, cancellation: cancellation.Token))
                    metrics.Add(epoch);
            },
            Throws.InstanceOf<OperationCanceledException>());
    }

    private sealed class Reports(Action<TrainingProgress> onReport) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => onReport(value);
    }
}
