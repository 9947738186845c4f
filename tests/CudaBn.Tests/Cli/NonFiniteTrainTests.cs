using System.Net;
using System.Text.RegularExpressions;
using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>Runs whose loss becomes NaN or infinite.</summary>
public class NonFiniteTrainTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCase]
    [TestCase("--detect-anomaly")]
    public void LearningRateFarTooLarge_EndsWithAParagraphAndACodeOfItsOwn(params string[] options)
    {
        using var train = CudabnProcess.Run(
            _folder[""],
            [
                "train", "--limit", "200", "--batch-size", "50", "--epochs", "5", "--lr", "1e30", "--init", "default", "--out",
                "run", .. options,
            ]);

        Assert.That(train.ExitCode, Is.EqualTo(3), train.Error);
        Assert.That(train.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(1));
        Assert.That(train.Error, Does.StartWith("cudabn: training stopped: "));
        Assert.That(train.Error, Does.Match(@"step [12] \(epoch 1, step [12] of it\)"));
        Assert.That(train.Error, Does.Contain(
            "Kept in run: checkpoints, history.json, metrics.csv, report.html, run.json; whole epochs: 0. "
            + "A new run with --normalize may not come to this."));
        Assert.That(train.Error, Does.EndWith(
            " To go on from checkpoint-0.safetensors at a tenth of the learning rate: cudabn train --resume run --lr 1E+29\n"));
        var layer = Regex.Match(train.Error, @"of (Conv2d|BatchNorm|Linear) '((conv|bn|fc)[12])'");
        Assert.That(layer.Success, Is.True, train.Error);
        var report = WebUtility.HtmlDecode(File.ReadAllText(_folder["run/report.html"]));
        Assert.That(report, Does.Contain("Stopped by a value that is not finite, after 0 of 5 epochs"));
        Assert.That(report, Does.Match($"<p class=\"reason\">.*{Regex.Escape(layer.Value)}.*</p>"));
        // That from before the first step, none after it.
        Assert.That(
            Directory.GetFiles(_folder["run/checkpoints"]).Select(Path.GetFileName),
            Is.EqualTo(new[] { "checkpoint-0.safetensors" }));
        Assert.That(train.Error.Contains("--detect-anomaly", StringComparison.Ordinal), Is.EqualTo(options.Length == 0));
        Assert.That(
            Directory.GetFiles(_folder["run"]).Select(Path.GetFileName), Does.Not.Contain("model.safetensors"));
    }

    [Test]
    public void Remedy_AsPrinted_GoesOnFromTheLastGoodCheckpoint()
    {
        using var train = CudabnProcess.Run(
            _folder[""], "train", "--limit", "200", "--batch-size", "50", "--epochs", "3", "--lr", "3e30", "--out", "my run");
        Assert.That(train.ExitCode, Is.EqualTo(3), train.Error);
        var command = Regex.Match(train.Error, "cudabn train --resume \"(.*)\" --lr (\\S+)\n\\z");
        Assert.That(command.Success, Is.True, train.Error);

        // A tenth of far too much is still too much, and goes on from the same checkpoint.
        using var still = CudabnProcess.Run(
            _folder[""], "train", "--resume", command.Groups[1].Value, "--lr", command.Groups[2].Value);
        Assert.That(still.ExitCode, Is.EqualTo(3), still.Output);
        Assert.That(still.Output, Does.Contain("lr       3E+29 in place of 3E+30 from step 1 on"));
        Assert.That(still.Error, Does.EndWith("--resume \"my run\" --lr 3E+28\n"));

        using var mended = CudabnProcess.Run(_folder[""], "train", "--resume", "my run", "--lr", "0.02");
        Assert.That(mended.ExitCode, Is.Zero, mended.Error);
        Assert.That(mended.Output, Does.Contain("lr       0.02 in place of 3E+29 from step 1 on"));
        Assert.That(File.ReadAllLines(_folder["my run/metrics.csv"]), Has.Length.EqualTo(4));
        Assert.That(
            RunToResume.Find(_folder["my run"]).Settings.Recipe.LearningRateChanges,
            Is.EqualTo(new[] { new LearningRateChange(0, 0.02) }));
    }

    [Test]
    public void DetectAnomaly_WhereAllIsFinite_TrainsAsUsual()
    {
        using var train = CudabnProcess.Run(
            _folder[""], "train", "--limit", "100", "--epochs", "1", "--init", "default", "--detect-anomaly", "--out", "run");
        Assert.That(train.ExitCode, Is.Zero, train.Error);
        Assert.That(File.Exists(_folder["run/model.safetensors"]), Is.True);
    }
}
