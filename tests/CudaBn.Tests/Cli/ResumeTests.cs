using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.TensorBoard;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary><c>cudabn train --resume</c> of runs that ended early, each as it may be found.</summary>
public class ResumeTests
{
    // So many that a signal in the second finds the run at work.
    private const int Epochs = 12;

    private const string PerStep = "loss_per_step/train";

    private TemporaryFolder _home = null!;

    [OneTimeSetUp]
    public void TrainOnce()
    {
        _home = new TemporaryFolder();
        ResumableRuns.WriteImages(_home);
        using var train = CudabnProcess.Run(_home[""], ResumableRuns.Train("whole", Epochs));
        Assert.That(train.ExitCode, Is.Zero, train.Error);
    }

    [OneTimeTearDown]
    public void Remove() => _home.Dispose();

    [TestCase("INT")]
    [TestCase("TERM")]
    [Platform(Exclude = "Win", Reason = "Windows has no signals to send.")]
    public void Resume_AfterASignal_EqualsARunThatNeverEnded(string signal)
    {
        var run = $"run {signal}";
        Interrupt(run, signal, "--save-every", "1");

        using var resume = Resume(run);
        Assert.That(resume.ExitCode, Is.Zero, resume.Error);
        Assert.That(resume.Error, Is.Empty);
        Assert.That(resume.Output, Does.Contain("resumed  checkpoint-"));
        Assert.That(Directory.GetFiles(_home[$"{run}/checkpoints"]), Has.Length.EqualTo(3));
        ResumableRuns.AssertSame(_home[run], _home["whole"]);
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Windows has no signals to send.")]
    public void Resume_NewestDamaged_WarnsAndEqualsARunThatNeverEnded()
    {
        Interrupt("damaged", "INT", "--save-every", "2", "--keep", "2");
        var newest = _home[$"damaged/checkpoints/checkpoint-{ResumableRuns.NewestStep(_home["damaged"])}.safetensors"];
        File.WriteAllBytes(newest, File.ReadAllBytes(newest)[..1000]);

        using var resume = Resume("damaged", "--keep", "1");
        Assert.That(resume.ExitCode, Is.Zero, resume.Error);
        Assert.That(resume.Error, Does.StartWith($"cudabn: warning: damaged/checkpoints/{Path.GetFileName(newest)}: byte "));
        Assert.That(resume.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(1));
        Assert.That(Directory.GetFiles(_home["damaged/checkpoints"]), Has.Length.EqualTo(1));
        ResumableRuns.AssertSame(_home["damaged"], _home["whole"]);
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Windows has no signals to send.")]
    public void Resume_AtAnotherLearningRate_IsRememberedBySteps()
    {
        Interrupt("slower", "INT");
        Copy("slower", "slower in two parts");
        Copy("slower", "as before");
        var step = ResumableRuns.NewestStep(_home["slower"]);

        using (var slower = Resume("slower", "--lr", "0.004"))
        {
            Assert.That(slower.ExitCode, Is.Zero, slower.Error);
            Assert.That(slower.Output, Does.Contain($"lr       0.004 in place of 0.02 from step {step + 1} on"));
        }

        var change = new LearningRateChange(step, 0.004);
        Assert.That(RunToResume.Find(_home["slower"]).Settings.Recipe.LearningRateChanges, Is.EqualTo(new[] { change }));
        Assert.That(File.ReadAllText(_home["slower/report.html"]), Does.Contain($"lr 0.02, 0.004 after step {step}"));
        Assert.That(
            File.ReadAllBytes(_home["slower/model.safetensors"]),
            Is.Not.EqualTo(File.ReadAllBytes(_home["whole/model.safetensors"])));

        // Killed before it has made a checkpoint of its own, and gone on with as it is.
        using (var killed = CudabnProcess.Start(_home[""], "train", "--resume", "slower in two parts", "--lr", "0.004"))
        {
            killed.WaitUntil(() => File.ReadAllText(_home["slower in two parts/run.json"]).Contains("learningRateChanges"));
            killed.Kill();
        }

        using (var rest = Resume("slower in two parts"))
            Assert.That(rest.ExitCode, Is.Zero, rest.Error);
        ResumableRuns.AssertSame(_home["slower in two parts"], _home["slower"]);

        using (var same = Resume("as before", "--lr", "2e-2"))
        {
            Assert.That(same.ExitCode, Is.Zero, same.Error);
            Assert.That(same.Output, Does.Not.Contain("in place of"));
        }

        ResumableRuns.AssertSame(_home["as before"], _home["whole"]);
    }

    [Test]
    public void Resume_AllEpochsDone_SaysSo_AndMoreGoOn()
    {
        Copy("whole", "more");
        using var finished = Resume("more");
        Assert.That(finished.ExitCode, Is.Zero, finished.Error);
        Assert.That(finished.Output, Does.StartWith($"finished more: all of its {Epochs} epochs are done"));

        using var more = Resume("more", "--epochs", $"{Epochs + 1}");
        Assert.That(more.ExitCode, Is.Zero, more.Error);
        using var whole = CudabnProcess.Run(_home[""], ResumableRuns.Train("longer", Epochs + 1));
        Assert.That(whole.ExitCode, Is.Zero, whole.Error);
        ResumableRuns.AssertSame(_home["more"], _home["longer"]);
    }

    [Test]
    public void Resume_KilledBeforeTheResultsWereWritten_WritesThem([Values] bool hasHistory)
    {
        var late = $"late {hasHistory}";
        Copy("whole", late);
        foreach (var name in new[] { "model.safetensors", "curves.png" })
            File.Delete(_home[$"{late}/{name}"]);
        if (!hasHistory)
            LeaveOutOutcome(_home[$"{late}/history.json"]);
        File.WriteAllText(_home[$"{late}/report.html"], "that of an epoch before");
        File.WriteAllText(_home[$"{late}/.cudabn-123.tmp"], "half of something");
        using var resume = Resume(late);
        Assert.That(resume.ExitCode, Is.Zero, resume.Error);
        ResumableRuns.AssertSame(_home[late], _home["whole"]);
        Assert.That(MatrixOf(late), Is.EqualTo(MatrixOf("whole")));
    }

    [TestCase(false)]
    [TestCase(true)]
    [Platform(Exclude = "Win", Reason = "Windows has no signals to send.")]
    public void Resume_KilledWithEventFiles_LogsEveryStepOnce(bool fallsBack)
    {
        var run = $"logged {fallsBack}";
        using (var train = CudabnProcess.Start(
            _home[""], ResumableRuns.Train(run, Epochs, "--save-every", "2", "--keep", "4", "--tensorboard")))
        {
            train.WaitUntil(() => ResumableRuns.NewestStep(_home[run]) > 2 * ResumableRuns.StepsPerEpoch);
            Assert.That(train.Kill(), Is.True);
        }

        var newest = ResumableRuns.NewestStep(_home[run]);
        var logged = LoggedEvent.StepsOf(LoggedEvent.ReadFolder(_home[$"{run}/tensorboard"]), PerStep);
        Assert.That(logged.Max(), Is.GreaterThanOrEqualTo(newest));
        if (fallsBack)
            File.WriteAllText(_home[$"{run}/checkpoints/checkpoint-{newest}.safetensors"], "damaged");
        using var resume = Resume(run);
        Assert.That(resume.ExitCode, Is.Zero, resume.Error);

        var events = LoggedEvent.ReadFolder(_home[$"{run}/tensorboard"]);
        var last = Epochs * ResumableRuns.StepsPerEpoch;
        Assert.That(LoggedEvent.StepsOf(events, PerStep), Is.EqualTo(Enumerable.Range(1, last)));
        foreach (var tag in new[] { "loss/train", "accuracy/test", "weights/conv1.weight" })
            Assert.That(LoggedEvent.StepsOf(events, tag), Is.EqualTo(EndsOf(Epochs)), tag);
        ResumableRuns.AssertSame(_home[run], _home["whole"]);
    }

    [Test]
    public void Resume_WithEventFilesForTheFirstTime_LogsEpochsOfBefore()
    {
        Copy("whole", "logged later");
        using var resume = Resume("logged later", "--epochs", $"{Epochs + 1}", "--tensorboard");
        Assert.That(resume.ExitCode, Is.Zero, resume.Error);
        var events = LoggedEvent.ReadFolder(_home["logged later/tensorboard"]);
        Assert.That(LoggedEvent.StepsOf(events, "loss/test"), Is.EqualTo(EndsOf(Epochs + 1)));
        Assert.That(LoggedEvent.StepsOf(events, "learning_rate"), Is.EqualTo(EndsOf(Epochs + 1)[^1..]));

        using var again = Resume("logged later", "--epochs", $"{Epochs + 2}");
        Assert.That(again.ExitCode, Is.Zero, again.Error);
        events = LoggedEvent.ReadFolder(_home["logged later/tensorboard"]);
        Assert.That(LoggedEvent.StepsOf(events, "loss/test"), Is.EqualTo(EndsOf(Epochs + 2)));
    }

    [Test]
    public void Resume_OtherImages_SaysWhatDiffersAndLeavesTheRun()
    {
        Copy("whole", "moved");
        File.Delete(_home["moved/model.safetensors"]);
        ImageFiles.WriteFolder(_home["others"], DrawnGarments.Create(59, 30));
        var before = File.ReadAllBytes(_home["moved/run.json"]);
        using var resume = Resume("moved", "--data", "others");
        AssertFails(
            resume, $"checkpoint-{Epochs * ResumableRuns.StepsPerEpoch}.safetensors",
            "checkpoint.data.images is '60 of 1x28x28', expected '59 of 1x28x28'");
        Assert.That(File.ReadAllBytes(_home["moved/run.json"]), Is.EqualTo(before));
    }

    [Test]
    public void Resume_OtherTestImages_IsRefused()
    {
        Copy("whole", "tested");
        File.Delete(_home["tested/model.safetensors"]);
        var images = DrawnGarments.Create(60, 30);
        var others = DrawnGarments.Create(60, 30, seed: 8);
        ImageFiles.WriteFolder(_home["other tests"], images with { Test = others.Test });
        var before = File.ReadAllBytes(_home["tested/run.json"]);
        using var resume = Resume("tested", "--data", "other tests");
        AssertFails(resume, "--resume tested: expected the images that the run was tested on, of SHA-256 ");
        Assert.That(File.ReadAllBytes(_home["tested/run.json"]), Is.EqualTo(before));
    }

    [Test]
    public void Resume_LooksForAnomaliesAsBefore_AndSaysSoOtherwise()
    {
        using (var train = CudabnProcess.Run(_home[""], ResumableRuns.Train("looking", 1, "--detect-anomaly")))
            Assert.That(train.ExitCode, Is.Zero, train.Error);
        using var same = Resume("looking", "--epochs", "2");
        Assert.That(same.ExitCode, Is.Zero, same.Error);
        Assert.That(same.Output, Does.Not.Contain("detect-anomaly"));
        using var other = Resume("looking", "--epochs", "3", "--detect-anomaly", "false");
        Assert.That(other.ExitCode, Is.Zero, other.Error);
        Assert.That(other.Output, Does.Contain("the run was with --detect-anomaly: without --detect-anomaly"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Windows has no signals to send.")]
    public void Resume_WhileTheRunIsTrained_IsRefusedAndTouchesNothing()
    {
        using var train = CudabnProcess.Start(_home[""], ResumableRuns.Train("busy", 100_000));
        train.WaitUntil(() => ResumableRuns.NewestStep(_home["busy"]) > ResumableRuns.StepsPerEpoch);
        train.Signal("STOP");
        var before = Contents("busy");
        using (var resume = Resume("busy"))
            AssertFails(resume, "busy: process ", $"process {train.Id} on ", "trains in this folder");
        using (var again = CudabnProcess.Run(_home[""], ResumableRuns.Train("busy", 1)))
            Assert.That(again.Output, Does.Contain("out      busy-2"), again.Error);
        Assert.That(Contents("busy"), Is.EqualTo(before));
        train.Signal("CONT");
        Assert.That(train.Kill(), Is.True);
    }

    [Test]
    public void Resume_WithoutCheckpoints_SaysSo()
    {
        Copy("whole", "none");
        File.Delete(_home["none/model.safetensors"]);
        Directory.Delete(_home["none/checkpoints"], recursive: true);
        using var resume = Resume("none");
        AssertFails(resume, "--resume none: holds no checkpoint");
    }

    [Test]
    public void Resume_NoRun_SaysWhatIsMissing()
    {
        using (var nowhere = Resume("nowhere"))
            AssertFails(nowhere, "--resume nowhere: there is no such folder");
        using (var images = Resume(ResumableRuns.Images))
            AssertFails(images, "holds no run.json");
    }

    private static void AssertFails(CudabnProcess command, params string[] culprits)
    {
        Assert.That(command.ExitCode, Is.EqualTo(1));
        Assert.That(command.Error, Does.StartWith("cudabn: "));
        Assert.That(command.Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
        foreach (var culprit in culprits)
            Assert.That(command.Error, Does.Contain(culprit));
    }

    private string[] Contents(string run) =>
    [
        .. Directory.GetFiles(_home[run], "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(path => $"{path} {new FileInfo(path).Length} {HashOf(path)}"),
    ];

    // Nobody else may open what a process locks or is writing.
    private static string HashOf(string path) => Path.GetFileName(path).StartsWith('.')
        ? ""
        : Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));

    private static int[] EndsOf(int epochs) =>
        [.. Enumerable.Range(1, epochs).Select(epoch => epoch * ResumableRuns.StepsPerEpoch)];

    // As a version left it that kept none.
    private static void LeaveOutOutcome(string history)
    {
        var parsed = JsonNode.Parse(File.ReadAllText(history))!.AsObject();
        Assert.That(parsed.Remove("outcome"), Is.True);
        File.WriteAllText(history, parsed.ToJsonString());
    }

    private string MatrixOf(string run) =>
        Regex.Match(File.ReadAllText(_home[$"{run}/report.html"]), """<section id="confusion">.*?</section>""", RegexOptions.Singleline).Value;

    private CudabnProcess Resume(string run, params string[] others) =>
        CudabnProcess.Run(_home[""], ["train", "--resume", run, .. others]);

    /// <summary>Ends a run by a signal in the middle of its second epoch.</summary>
    private void Interrupt(string run, string signal, params string[] others)
    {
        using var train = CudabnProcess.Start(_home[""], ResumableRuns.Train(run, Epochs, others));
        train.WaitUntil(() => ResumableRuns.NewestStep(_home[run]) > ResumableRuns.StepsPerEpoch);
        train.Signal(signal);
        train.Wait();
        Assert.That(train.ExitCode, Is.EqualTo(130), train.Error);
        Assert.That(train.Output, Does.Contain("to go on: cudabn train --resume "));
    }

    private void Copy(string run, string to)
    {
        foreach (var path in Directory.GetFiles(_home[run], "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(_home[to], Path.GetRelativePath(_home[run], path));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(path, copy);
        }
    }
}
