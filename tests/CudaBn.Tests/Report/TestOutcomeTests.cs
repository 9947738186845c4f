using CudaBn.Cli;
using NUnit.Framework;

namespace CudaBn.Tests.Report;

public class TestOutcomeTests
{
    [Test]
    public void Outcome_CountsEveryImageOnce_AndTakesTheFirstGreatest()
    {
        float[] logits =
        [
            1, 0, 0, // right
            2, 2, 0, // a tie, and the first counts: right
            0, 3, 1, // wrong
            0, 1, 4, // right
        ];
        var outcome = TestOutcome.Of(5, logits, [0, 0, 2, 2], 3);
        Assert.That(outcome.Epoch, Is.EqualTo(5));
        Assert.That(outcome.Confusion, Is.EqualTo(new int[][] { [2, 0, 0], [0, 0, 0], [0, 1, 1] }));
        var mistake = outcome.Worst.Single();
        Assert.That((mistake.Image, mistake.Truth, mistake.Given), Is.EqualTo((2, 2, 1)));
        var sum = 1 + Math.Exp(3) + Math.Exp(1);
        Assert.That(mistake.TruthProbability, Is.EqualTo(Math.Exp(1) / sum).Within(1e-12));
        Assert.That(mistake.GivenProbability, Is.EqualTo(Math.Exp(3) / sum).Within(1e-12));
        Assert.That(mistake.Loss, Is.EqualTo(-Math.Log(Math.Exp(1) / sum)).Within(1e-12));
    }

    [Test]
    public void Fits_OtherImagesOrClasses_IsFalse()
    {
        var outcome = TestOutcome.Of(1, [1, 0, 0, 1, 1, 0], [0, 1, 1], 2);
        Assert.That(outcome.Fits(3, 2), Is.True);
        Assert.That(outcome.Fits(4, 2), Is.False);
        Assert.That(outcome.Fits(3, 3), Is.False);
        Assert.That((outcome with { Confusion = [[1, 0], null!] }).Fits(3, 2), Is.False);
        Assert.That((outcome with { Worst = null! }).Fits(3, 2), Is.False);
        Assert.That((outcome with { Worst = [outcome.Worst[0] with { Image = 3 }] }).Fits(3, 2), Is.False);
        Assert.That((outcome with { Worst = [outcome.Worst[0] with { Given = -1 }] }).Fits(3, 2), Is.False);
    }

    [Test]
    public void Worst_AreThoseWithTheGreatestLoss_InOrder()
    {
        var random = new Random(1);
        var logits = Enumerable.Range(0, 500 * 4).Select(_ => (float)(300 * random.NextDouble())).ToArray();
        var labels = Enumerable.Range(0, 500).Select(_ => (byte)random.Next(4)).ToArray();
        var outcome = TestOutcome.Of(1, logits, labels, 4);

        // Probabilities that underflow are no obstacle: losses go by differences of logits.
        var losses = labels.Select((label, i) => logits.AsSpan(4 * i, 4).ToArray().Max() - logits[(4 * i) + label])
            .OrderDescending().Take(TestOutcome.MostMistakes).ToArray();
        Assert.That(outcome.Worst.Select(mistake => (float)mistake.Loss), Is.EqualTo(losses).Within(0.7f));
        Assert.That(outcome.Worst.Select(mistake => mistake.Loss), Is.Ordered.Descending);
    }
}
