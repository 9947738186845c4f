using System.Diagnostics;
using CudaBn.Cli;
using NUnit.Framework;

namespace CudaBn.Tests.Report;

/// <summary>Pages made of given numbers.</summary>
public class ReportPageTests
{
    [Test]
    public void Page_OfARunOfTheSizeOfFashionMnist_IsSmallAndQuicklyWritten()
    {
        var test = DrawnGarments.Create(1, 10_000).Test;
        using var model = ResNet20.Create(inChannels: 1, classes: 10);
        model.Initialize(Device.Cpu);
        var history = RunHistory.Begin(model);
        var rows = Enumerable.Range(1, 60).Select(epoch => Row(epoch, 1.0 / epoch)).ToList();
        foreach (var row in rows)
            history.Add(row.Metrics.Epoch, model);
        var logits = Logits(test, wrongEvery: 10);

        // Of several times the fastest: others may have the processor meanwhile.
        var page = "";
        var fastest = Enumerable.Range(0, 8).Min(_ =>
        {
            var clock = Stopwatch.StartNew();
            page = ReportPage.Of(Content(test, rows, history, TestOutcome.Of(60, logits, test.Labels.Span, 10)));
            return clock.Elapsed;
        });

        TestContext.Out.WriteLine($"{page.Length} letters in {fastest.TotalMilliseconds:F0} ms");
        Assert.That(fastest, Is.LessThan(TimeSpan.FromSeconds(0.7)));
        Assert.That(page, Has.Length.LessThan(1_000_000));
    }

    [Test]
    public void Page_HoldsMatrixAndSharesOfTheOutcome()
    {
        var test = DrawnGarments.Create(1, 200).Test;
        var outcome = TestOutcome.Of(2, Logits(test, wrongEvery: 4), test.Labels.Span, 10);
        var page = ReportPage.Of(Content(test, [Row(1, 1), Row(2, 0.5)], NoHistory(), outcome));

        Assert.That(page, Does.Contain("150 of 200 test images are named rightly and 50 wrongly"));
        for (var truth = 0; truth < 10; truth++)
        {
            var (name, count) = (test.ClassNames[truth], outcome.Confusion[truth][truth]);
            Assert.That(page, Does.Contain($"""data-tip="{name} named {name}: {count} of 20, {5.0 * count:F1}%">{count}<small>{5.0 * count:F1}%</small>"""));
        }

        Assert.That(page.Split("<li><div class=\"frame\">"), Has.Length.EqualTo(1 + TestOutcome.MostMistakes));
    }

    [Test]
    public void Page_BeforeTheFirstEpoch_HasAllSections()
    {
        var test = DrawnGarments.Create(1, 10).Test;
        var page = ReportPage.Of(Content(test, [], NoHistory(), outcome: null) with { State = RunState.Interrupted });
        Assert.That(page, Does.Contain("Interrupted after 0 of 3 epochs").And.Contain("there is no result"));
        foreach (var section in new[] { "curves", "confusion", "mistakes", "layers", "batch-norm" })
            Assert.That(page, Does.Contain($"""<section id="{section}">"""));
    }

    [Test]
    public void Page_OfARunThatWasStopped_SaysWhy()
    {
        var test = DrawnGarments.Create(1, 10).Test;
        var page = ReportPage.Of(Content(test, [Row(1, 1)], NoHistory(), outcome: null) with
        {
            State = RunState.Stopped,
            StopReason = "The loss of step 5 is not finite: <conv1>.",
        });
        Assert.That(page, Does.Contain("""<p class="state stopped">Stopped by a value that is not finite, after 1 of 3 epochs</p>"""));
        Assert.That(page, Does.Contain("""<p class="reason">The loss of step 5 is not finite: &lt;conv1&gt;.</p>"""));
        Assert.That(page, Does.Contain("in the middle of an epoch").And.Not.Contain("No epoch was completed"));
    }

    [Test]
    public void Page_OfARunThatDiverged_HasGapsAndNamesWhatItGot()
    {
        var test = DrawnGarments.Create(1, 20).Test;
        using var model = new Sequential(new Flatten(), new BatchNorm(784), new Linear(784, 10));
        model.Initialize(Device.Cpu);
        var norm = (BatchNorm)model.Layers[1];
        Device.Cpu.Backend.Fill(norm.RunningMean!, double.NaN);
        Device.Cpu.Backend.Fill(norm.RunningVariance!, double.PositiveInfinity);
        var history = RunHistory.Begin(model);
        history.Add(3, model);
        var logits = Enumerable.Repeat(float.NaN, 200).ToArray();
        var page = ReportPage.Of(Content(
            test, [Row(1, 2), Row(2, double.NaN), Row(3, double.PositiveInfinity)], history,
            TestOutcome.Of(3, logits, test.Labels.Span, 10)));

        Assert.That(page, Does.Contain("\ntrain NaN\n").And.Contain("\ntrain ∞\n"));
        foreach (var attribute in new[] { "points", "cx", "cy", "x", "y", "width", "height" })
            Assert.That(page, Does.Not.Match($" {attribute}=\"[^\"]*(NaN|∞|Infinity)"), attribute);
    }

    [Test]
    public void Page_OfManyClasses_ShowsTheMatrixAsAPicture()
    {
        var few = DrawnGarments.Create(1, 400).Test;
        var labels = Enumerable.Range(0, 400).Select(i => (byte)(i % 40)).ToArray();
        var test = new ImageDataset(
            "many", 1, 28, 28, few.Images, labels, [.. Enumerable.Range(0, 40).Select(label => $"class {label}")]);
        var logits = new float[400 * 40];
        for (var i = 0; i < 400; i++)
            logits[(i * 40) + ((i % 40) == 7 ? 8 : i % 40)] = 5;
        var page = ReportPage.Of(Content(test, [Row(1, 1)], NoHistory(), TestOutcome.Of(1, logits, labels, 40)));
        Assert.That(page, Does.Not.Contain("<table class=\"matrix\">"));
        Assert.That(page, Does.Contain("<li><bdi>class 7</bdi> named <bdi>class 8</bdi>: 10</li>"));
        Assert.That(page, Does.Contain("Confusion matrix of 40 classes as a picture"));
    }

    [Test]
    public void Page_OfTenThousandEpochs_StaysSmall()
    {
        var test = DrawnGarments.Create(1, 10).Test;
        var rows = Enumerable.Range(1, 10_000).Select(epoch => Row(epoch, 1.0 / epoch)).ToList();
        var page = ReportPage.Of(Content(test, rows, NoHistory(), outcome: null));
        Assert.That(page, Has.Length.LessThan(300_000));
        Assert.That(page, Does.Contain("<title>epoch 10000\n"), "the last epoch is always shown");
    }

    private static RunHistory NoHistory() => new(DateTimeOffset.UnixEpoch, []);

    // Certain of the true class, or of the one after it.
    private static float[] Logits(ImageDataset images, int wrongEvery)
    {
        var logits = new float[images.Count * 10];
        for (var i = 0; i < images.Count; i++)
            logits[(i * 10) + ((images.Labels.Span[i] + (i % wrongEvery == 0 ? 1 : 0)) % 10)] = 4;
        return logits;
    }

    private static EpochRow Row(int epoch, double loss) =>
        new(new EpochMetrics(epoch, loss, 0.7, 1.2 * loss, 0.6, 1, 1000), NotebookBug: null);

    private static ReportContent Content(
        ImageDataset test, IReadOnlyList<EpochRow> rows, RunHistory history, TestOutcome? outcome) => new(
        SampleRun.Description("drawn garments", test, test, epochs: 3, "runs/x"), RunState.Finished, rows, StepsPerEpoch: 10,
        history, test, outcome, Profile: null, "Not measured.");
}
