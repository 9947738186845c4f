using System.Globalization;
using System.Text.RegularExpressions;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>One small run, looked at from all sides.</summary>
public class TrainTests
{
    private const string Dataset = "drawn garments (built in)";

    private TemporaryFolder _folder = null!;
    private CudabnProcess _train = null!;

    [OneTimeSetUp]
    public void Train()
    {
        _folder = new TemporaryFolder();
        _train = CudabnProcess.Run(
            _folder[""], "train", "--limit", "512", "--epochs", "2", "--init", "default", "--out", "run",
            "--notebook-bug");
        Assert.That(_train.ExitCode, Is.Zero, _train.Error);
    }

    [OneTimeTearDown]
    public void Remove()
    {
        _train.Dispose();
        _folder.Dispose();
    }

    [Test]
    public void FirstLine_ComesSoonAndAnnouncesTheDrawnSet()
    {
        TestContext.Out.WriteLine($"first line after {_train.FirstLineAfter!.Value.TotalMilliseconds:F0} ms");
        Assert.That(_train.FirstLineAfter, Is.LessThan(TimeSpan.FromSeconds(5)));
        Assert.That(_train.Lines[0], Does.StartWith($"data     {Dataset}"));
    }

    [Test]
    public void Output_NeverCallsTheDrawnSetFashionMnist()
    {
        Assert.That(_train.Output, Does.Contain($"on {Dataset}"));
        Assert.That(
            _train.Output.Replace("not Fashion-MNIST", null).Replace("Fashion-MNIST is not on this machine", null),
            Does.Not.Contain("Fashion-MNIST"));
        Assert.That(File.ReadAllText(_folder["run/metrics.csv"]), Does.Not.Contain("Fashion-MNIST"));
    }

    [Test]
    public void Output_Redirected_IsPlainLines()
    {
        Assert.That(_train.Output, Does.Not.Contain("\u001b").And.Not.Contain("\r"));
        Assert.That(
            _train.Lines.Where(line => line.StartsWith("epoch ", StringComparison.Ordinal)),
            Has.Exactly(2).Matches<string>(line => Regex.IsMatch(
                line!,
                @"^epoch [12]/2: train loss \d+\.\d{4}, train accuracy 0\.\d{4}, test loss \d+\.\d{4}, "
                + @"test accuracy 0\.\d{4}, \d+\.\d\d s, \d+ images/s, "
                + @"notebook's statistics: test loss \d+\.\d{4}, test accuracy 0\.\d{4}$")));
    }

    [Test]
    public void Folder_HoldsMetricsPicturesAndWeightsOnly()
    {
        var names = Directory.GetFiles(_folder["run"]).Select(Path.GetFileName).Order();
        Assert.That(
            names,
            Is.EqualTo(new[]
            {
                "curves.png", "history.json", "metrics.csv", "model.safetensors", "notebook-bug.png", "report.html", "run.json",
                "samples.png",
            }));
        foreach (var picture in new[] { "curves.png", "notebook-bug.png", "samples.png" })
            Assert.That(
                File.ReadAllBytes(_folder[$"run/{picture}"])[..8],
                Is.EqualTo(new byte[] { 0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A }));
    }

    [Test]
    public void Metrics_HaveOneRowPerEpochAndTheNotebooksColumns()
    {
        var rows = File.ReadAllLines(_folder["run/metrics.csv"]);
        Assert.That(rows, Has.Length.EqualTo(3));
        Assert.That(rows[0], Is.EqualTo(
            "epoch,train_loss,train_accuracy,test_loss,test_accuracy,seconds,images_per_second,dataset,"
            + "notebook_bug_test_loss,notebook_bug_test_accuracy"));
        for (var epoch = 1; epoch <= 2; epoch++)
        {
            var cells = rows[epoch].Split(',');
            Assert.That(cells, Has.Length.EqualTo(10));
            Assert.That(cells[0], Is.EqualTo($"{epoch}"));
            Assert.That(cells[7], Is.EqualTo(Dataset));
            foreach (var cell in cells.Where((_, column) => column != 7))
                Assert.That(double.Parse(cell, CultureInfo.InvariantCulture), Is.Not.NaN);
        }
    }

    [Test]
    public void Eval_ReproducesTheLastEpochExactly()
    {
        using var eval = CudabnProcess.Run(_folder[""], "eval", "run", "--limit", "512");

        Assert.That(eval.ExitCode, Is.Zero, eval.Error);
        var last = File.ReadAllLines(_folder["run/metrics.csv"])[^1].Split(',');
        var loss = double.Parse(last[3], CultureInfo.InvariantCulture);
        var accuracy = double.Parse(last[4], CultureInfo.InvariantCulture);
        Assert.That(eval.Output, Does.Contain(string.Create(
            CultureInfo.InvariantCulture,
            $"test loss {loss:F6}, test accuracy {accuracy:F6} on 512 images of {Dataset}")));
        Assert.That(eval.Lines[0], Does.StartWith($"data     {Dataset}"));
        Assert.That(eval.Output, Does.Not.Contain("trained on"));

        var classes = eval.Lines.SkipWhile(line => !line.StartsWith("class", StringComparison.Ordinal))
            .Skip(1).ToArray();
        Assert.That(classes, Has.Length.EqualTo(10));
        var counts = classes.Select(line => Regex.Match(line[12..], @"^ +(\d+) +(\d+) ")).ToArray();
        Assert.That(counts.Sum(count => int.Parse(count.Groups[1].ValueSpan)), Is.EqualTo(512));
        Assert.That(
            counts.Sum(count => int.Parse(count.Groups[2].ValueSpan)), Is.EqualTo((int)Math.Round(512 * accuracy)));
    }

    [Test]
    public void Weights_NoteWhereTheyComeFrom()
    {
        using var reader = new CudaBn.Serialization.SafeTensorsReader(_folder["run/model.safetensors"]);
        Assert.That(reader.Metadata["network"], Is.EqualTo("notebook"));
        Assert.That(reader.Metadata["dataset"], Is.EqualTo(Dataset));
        Assert.That(reader.Metadata["epochs"], Is.EqualTo("2"));
        Assert.That(reader.Metadata, Contains.Key(CudaBn.Serialization.SavedState.VersionKey));
    }

    [Test]
    public void Out_ThatHoldsARun_GetsASuffix_AndThreadsChangeNoBit()
    {
        using var again = CudabnProcess.Run(
            _folder[""], "train", "--limit", "512", "--epochs", "2", "--init", "default", "--out", "run",
            "--threads", "3");

        Assert.That(again.ExitCode, Is.Zero, again.Error);
        Assert.That(again.Output, Does.Contain("run-2: metrics.csv, curves.png, samples.png, model.safetensors, run.json, report.html"));
        Assert.That(
            File.ReadAllBytes(_folder["run-2/model.safetensors"]),
            Is.EqualTo(File.ReadAllBytes(_folder["run/model.safetensors"])));
        Assert.That(File.ReadAllLines(_folder["run-2/metrics.csv"])[0], Does.EndWith(",dataset"));
    }
}
