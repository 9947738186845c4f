using CudaBn.Tests.Core;
using NUnit.Framework;

namespace CudaBn.Tests.Optimizers;

/// <summary>Values worked out by hand from the formulas of PyTorch's schedulers of the same kind.</summary>
public class LearningRateScheduleTests
{
    [TestCase(0, 0.5)]
    [TestCase(2, 0.5)]
    [TestCase(3, 0.05)]
    [TestCase(8, 0.005)]
    [TestCase(9, 0.0005)]
    public void Step_FallsAtRegularDistances(long number, double expected) => Assert.That(
        LearningRateSchedule.Step(0.5, size: 3).At(number), Is.EqualTo(expected).Within(1e-16));

    // 0.01 + 0.045 * (1 + cos(pi * number / 4)).
    [TestCase(0, 0.1)]
    [TestCase(1, 0.08681980515339464)]
    [TestCase(2, 0.055)]
    [TestCase(3, 0.02318019484660537)]
    [TestCase(4, 0.01)]
    [TestCase(5, 0.01)]
    [TestCase(1000, 0.01)]
    public void Cosine_FallsToTheMinimumAndStays(long number, double expected) => Assert.That(
        LearningRateSchedule.Cosine(0.1, 4, minimum: 0.01).At(number), Is.EqualTo(expected).Within(1e-16));

    // Ten steps: from 0.1 / 25 up to 0.1 at number 0.3 * 10 - 1, down to 0.1 / 25 / 1e4 at number 9.
    [TestCase(0, 0.004)]
    [TestCase(1, 0.052)]
    [TestCase(2, 0.1)]
    [TestCase(3, 0.09504846320134737)]
    [TestCase(4, 0.08117456539497630)]
    [TestCase(9, 4e-7)]
    [TestCase(10, 4e-7)]
    [TestCase(10_000, 4e-7)]
    public void OneCycle_RisesAndFalls(long number, double expected) => Assert.That(
        LearningRateSchedule.OneCycle(0.1, 10).At(number), Is.EqualTo(expected).Within(2e-9));

    // The rise ends before the first step: 0.3 * 2 - 1 = -0.4, so number 0 is 0.4 / 1.4 of the way down.
    [TestCase(2, 0.3, 0, 0.8117449)]
    [TestCase(2, 0.3, 1, 4e-6)]
    // The rise ends at the first step.
    [TestCase(4, 0.25, 0, 1)]
    // All of it is a rise; PyTorch ends at the maximum.
    [TestCase(3, 1, 0, 0.04)]
    [TestCase(3, 1, 1, 0.52)]
    [TestCase(3, 1, 2, 1)]
    [TestCase(1, 0.3, 0, 4e-6)]
    public void OneCycle_Extremes(long total, double riseShare, long number, double expected) => Assert.That(
        LearningRateSchedule.OneCycle(1, total, riseShare).At(number), Is.EqualTo(expected).Within(1e-5));

    [TestCase(0, 0.025)]
    [TestCase(1, 0.04375)]
    [TestCase(3, 0.08125)]
    [TestCase(4, 0.1)]
    [TestCase(5, 0.1)]
    [TestCase(6, 0.01)]
    public void WithWarmUp_RisesAndThenBegins(long number, double expected) => Assert.That(
        LearningRateSchedule.Step(0.1, size: 2).WithWarmUp(4, startFactor: 0.25).At(number),
        Is.EqualTo(expected).Within(1e-16));

    [Test]
    public void From_IsTheFunction()
    {
        var schedule = LearningRateSchedule.From(number => 1.0 / (1 + number));
        Assert.That((schedule.At(0), schedule.At(3)), Is.EqualTo((1, 0.25)));
        Assert.That(schedule.WithWarmUp(2, 0).At(1), Is.EqualTo(0.5));
    }

    [Test]
    public void Values_OutsideTheirRanges_AreNamed()
    {
        foreach (var bad in new[] { -0.1, double.NaN, double.PositiveInfinity })
        {
            Refuses(() => LearningRateSchedule.Step(bad, 1), $"learning rate {bad} ");
            Refuses(() => LearningRateSchedule.Step(1, 1, bad), $"gamma {bad} ");
            Refuses(() => LearningRateSchedule.Cosine(bad, 1), $"learning rate {bad} ");
            Refuses(() => LearningRateSchedule.Cosine(1, 1, bad), $"minimum {bad} ");
            Refuses(() => LearningRateSchedule.OneCycle(bad, 1), $"maximum {bad} ");
            Refuses(() => LearningRateSchedule.OneCycle(1, 1, bad), $"share of the rise {bad} ");
            Refuses(() => LearningRateSchedule.OneCycle(1, 1, 0.3, bad), $"initial divisor {bad} ");
            Refuses(() => LearningRateSchedule.OneCycle(1, 1, 0.3, 25, bad), $"final divisor {bad} ");
            Refuses(() => LearningRateSchedule.Step(1, 1).WithWarmUp(1, bad), $"start factor {bad} ");
        }

        foreach (var bad in new[] { 0, -5 })
        {
            Refuses(() => LearningRateSchedule.Step(1, bad), $"step size {bad} ");
            Refuses(() => LearningRateSchedule.Cosine(1, bad), $"total {bad} ");
            Refuses(() => LearningRateSchedule.OneCycle(1, bad), $"total {bad} ");
            Refuses(() => LearningRateSchedule.Step(1, 1).WithWarmUp(bad), $"length of the warm-up {bad} ");
        }

        Assert.That(() => LearningRateSchedule.Step(1, 1).At(-1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => LearningRateSchedule.From(null!), Throws.ArgumentNullException);
    }

    private static void Refuses(Func<LearningRateSchedule> make, string part) =>
        ErrorAssert.Throws<ArgumentException>(() => make(), "LearningRateSchedule", part);
}
