using System.Text.RegularExpressions;
using CudaBn.Cli;
using CudaBn.Tests.Cli;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Report;

/// <summary>When reports are written, and what a run that is killed or resumed leaves.</summary>
[NonParallelizable]
public class RunReportTests
{
    private TemporaryFolder _folder = null!;
    private Sequential _model = null!;

    [SetUp]
    public void MakeFolder()
    {
        _folder = new TemporaryFolder();
        _model = SampleRun.CreateModel();
        _model.Initialize(Device.Cpu);
    }

    [TearDown]
    public void RemoveFolder()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Test]
    public void ResumedRun_GoesOnWithItsHistory()
    {
        var rows = SampleRun.Write(_folder["first"], epochs: 3);
        var before = RunHistory.Load(_folder["first/history.json"], _model);
        Assert.That(before.Epochs.Select(epoch => epoch.Epoch), Is.EqualTo(new[] { 1, 2, 3 }));
        Assert.That(before.Started, Is.EqualTo(DateTimeOffset.Now).Within(5).Minutes);

        var all = SampleRun.Write(
            _folder["second"], epochs: 2, resumed: rows, history: File.ReadAllText(_folder["first/history.json"]));
        var after = RunHistory.Load(_folder["second/history.json"], _model);
        Assert.That(all.Select(row => row.Metrics.Epoch), Is.EqualTo(new[] { 1, 2, 3, 4, 5 }));
        Assert.That(after.Epochs.Select(epoch => epoch.Epoch), Is.EqualTo(new[] { 1, 2, 3, 4, 5 }));
        Assert.That(after.Epochs[1].Means, Is.EqualTo(before.Epochs[1].Means));
        Assert.That((after.Started, after.Seconds > before.Seconds), Is.EqualTo((before.Started, true)));
        var page = File.ReadAllText(_folder["second/report.html"]);
        Assert.That(Regex.Count(page, "<title>epoch [1-5]\n"), Is.EqualTo(2 * 5), "both charts have all epochs");
        Assert.That(page, Does.Contain("data-epochs=\"1,2,3,4,5\""));
    }

    [Test]
    public void ResumedRun_WithADamagedHistory_WarnsAndBeginsANewOne()
    {
        var console = Console.Error;
        using var error = new StringWriter();
        try
        {
            Console.SetError(error);
            SampleRun.Write(_folder["run"], epochs: 1, history: "{\"started\":");
        }
        finally
        {
            Console.SetError(console);
        }

        Assert.That(error.ToString(), Does.StartWith("warning: the report begins anew: ").And.Contain("history.json"));
        Assert.That(RunHistory.Load(_folder["run/history.json"], _model).Epochs, Has.Count.EqualTo(1));
    }

    [Test]
    public void Report_AfterTheLastEpoch_HoldsTheCostsOfLayers()
    {
        SampleRun.Write(_folder["run"]);
        var page = File.ReadAllText(_folder["run/report.html"]);
        Assert.That(page, Does.Contain("Finished: 3 of 3 epochs").And.Contain("by the clock, around every call"));
        foreach (var layer in new[] { "conv1", "bn1 + relu1 + pool1", "flatten1", "fc1" })
            Assert.That(page, Does.Contain($"""<th scope="row">{layer}<"""));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Windows has no signals to send.")]
    public void KilledRun_HasTheReportOfItsLastEpoch()
    {
        using var train = CudabnProcess.Start(
            _folder[""], "train", "--limit", "300", "--epochs", "100000", "--out", _folder["run"]);
        train.WaitForLine("epoch 2/");
        train.Signal("KILL");
        train.Wait();

        var page = File.ReadAllText(_folder["run/report.html"]);
        Assert.That(page, Does.Match(@"Running: ([2-9]|\d\d+) of 100000 epochs done").And.Contain("Measured when training is over."));
        Assert.That(page, Does.EndWith("</html>\n"));
        Assert.That(File.Exists(_folder["run/history.json"]), Is.True);
    }
}
