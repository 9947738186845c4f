using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary><c>cudabn train --resume</c> of runs that ended early, each as it may be found.</summary>
public class ResumeTests
{
    // So many that a signal in the second finds the run at work.
    private const int Epochs = 12;

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
    public void Resume_KilledBeforeTheResultsWereWritten_WritesThem()
    {
        Copy("whole", "late");
        foreach (var name in new[] { "model.safetensors", "curves.png" })
            File.Delete(_home[$"late/{name}"]);
        File.WriteAllText(_home["late/.cudabn-123.tmp"], "half of something");
        using var resume = Resume("late");
        Assert.That(resume.ExitCode, Is.Zero, resume.Error);
        ResumableRuns.AssertSame(_home["late"], _home["whole"]);
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
