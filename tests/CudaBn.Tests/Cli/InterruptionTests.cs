using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

[Platform(Exclude = "Win", Reason = "Windows has no signals to send.")]
public class InterruptionTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCase("INT")]
    [TestCase("TERM")]
    public void Signal_AfterAnEpoch_WritesWhatThereIs(string signal)
    {
        using var train = CudabnProcess.Start(
            _folder[""], "train", "--limit", "300", "--epochs", "100000", "--out", _folder["run"]);
        train.WaitForLine("epoch 1/");
        train.Signal(signal);
        train.Wait();

        Assert.That(train.ExitCode, Is.EqualTo(130), train.Error);
        Assert.That(train.Error, Is.Empty);
        var epochs = train.Lines.Count(line => line.StartsWith("epoch ", StringComparison.Ordinal));
        Assert.That(train.Output, Does.Contain($"interrupted after {epochs} of 100000 epochs"));
        Assert.That(File.ReadAllLines(_folder["run/metrics.csv"]), Has.Length.EqualTo(epochs + 1));
        Assert.That(
            Directory.GetFiles(_folder["run"]).Select(Path.GetFileName).Order(),
            Is.EqualTo(new[]
            {
                "curves.png", "history.json", "metrics.csv", "model.safetensors", "report.html", "run.json", "samples.png",
            }));
        Assert.That(File.ReadAllText(_folder["run/report.html"]), Does.Contain($"Interrupted after {epochs} of 100000 epochs"));
        using var eval = CudabnProcess.Run(_folder[""], "eval", "run", "--limit", "10");
        Assert.That(eval.ExitCode, Is.Zero, eval.Error);
    }

    [Test]
    public void Signal_InTheFirstEpoch_WritesWeightsAndNoPictures()
    {
        // One image a step: an epoch that takes far longer than the signal.
        using var train = CudabnProcess.Start(_folder[""], "train", "--batch-size", "1", "--out", _folder["run"]);
        train.WaitForLine("out ");
        Thread.Sleep(200);
        train.Signal("INT");
        train.Wait();

        Assert.That(train.ExitCode, Is.EqualTo(130), train.Error);
        Assert.That(File.ReadAllLines(_folder["run/metrics.csv"]), Has.Length.EqualTo(1));
        Assert.That(
            Directory.GetFiles(_folder["run"]).Select(Path.GetFileName).Order(),
            Is.EqualTo(new[] { "history.json", "metrics.csv", "model.safetensors", "report.html", "run.json" }));
    }
}
