using CudaBn.Cli;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>Runs that are gone on with at other learning rates.</summary>
public class RecipeTests
{
    private static readonly Recipe _recipe = new(32, 0.2, 0.9, 0, ScheduleChoice.Constant);

    [Test]
    public void ScheduleOf_ConstantAndUnchanged_IsNone() => Assert.That(_recipe.ScheduleOf(100), Is.Null);

    [Test]
    public void ScheduleOf_Constant_ChangesAfterThatManySteps()
    {
        var schedule = _recipe.ChangedAfter(10, 0.1).ChangedAfter(20, 0.05).ScheduleOf(100)!;
        Assert.That(
            new long[] { 0, 9, 10, 19, 20, 1000 }.Select(schedule.At), Is.EqualTo(new[] { 0.2, 0.2, 0.1, 0.1, 0.05, 0.05 }));
    }

    [TestCase("cosine")]
    [TestCase("one-cycle")]
    public void ScheduleOf_ASchedule_GoesOnAtItsPlaceScaled(string word)
    {
        var recipe = _recipe with { Schedule = Choices.Of<ScheduleChoice>(word)!.Value };
        var before = recipe.ScheduleOf(100)!;
        var after = recipe.ChangedAfter(40, 0.02).ScheduleOf(100)!;
        for (var step = 0; step < 100; step++)
            Assert.That(after.At(step), Is.EqualTo(before.At(step) * (step < 40 ? 1 : 0.1)).Within(1e-9).Percent, $"step {step}");
    }

    [Test]
    public void ChangedAfter_TrainingThatHasGoneBack_ForgetsWhatCameLater()
    {
        var recipe = _recipe.ChangedAfter(10, 0.1).ChangedAfter(20, 0.05).ChangedAfter(10, 0.01);
        Assert.That(recipe.LearningRateChanges, Is.EqualTo(new[] { new LearningRateChange(10, 0.01) }));
    }

    [Test]
    public void ChangedAfter_ToTheRateThatIsDue_IsNoChange()
    {
        Assert.That(_recipe.ChangedAfter(10, 0.2).LearningRateChanges, Is.Empty);
        Assert.That(_recipe.ChangedAfter(20, 0.05).ChangedAfter(10, 0.2).LearningRateChanges, Is.Empty);
    }

    [Test]
    public void ToString_NamesTheChanges() => Assert.That(
        _recipe.ChangedAfter(10, 0.1).ChangedAfter(20, 0.05).ToString(),
        Is.EqualTo("batches of 32, lr 0.2, 0.1 after step 10, 0.05 after step 20, momentum 0.9"));
}
