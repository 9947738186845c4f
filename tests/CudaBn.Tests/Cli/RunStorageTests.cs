using System.Text.RegularExpressions;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using CudaBn.Tests.TensorBoard;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>Disks and folders that fail while a run needs them: hours of training must not be lost to them.</summary>
[Platform("Linux", Reason = "Small disks are mounted with unshare(1) and mount(8).")]
public class RunStorageTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder()
    {
        _folder = new TemporaryFolder();
        Directory.CreateDirectory(_folder["disk"]);
    }

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCase("mount -t tmpfs -o size=4k small disk && head -c 4096 /dev/zero > disk/full", "No space left on device")]
    [TestCase("mount -t tmpfs -o ro small disk", "Read-only file system")]
    public void DiskThatCannotBeWritten_EndsTheRunBeforeItTrains(string prelude, string reason)
    {
        using var train = CudabnProcess.StartWithMounts(_folder[""], prelude, "train", "--limit", "100", "--out", "disk/run");
        train.Wait();

        Assert.That(train.ExitCode, Is.EqualTo(1), train.Output);
        Assert.That(train.Error, Does.Match($@"\Acudabn: --out disk/run: cannot be written: .*{reason}.*\n\z"));
    }

    [Test]
    public void DiskTooSmallForACheckpoint_EndsTheRunBeforeItTrains()
    {
        using var train = CudabnProcess.StartWithMounts(
            _folder[""], "mount -t tmpfs -o size=64k small disk", "train", "--limit", "100", "--out", "disk/run");
        train.Wait();

        Assert.That(train.ExitCode, Is.EqualTo(1), train.Output);
        Assert.That(train.Error, Does.Match(@"\Acudabn: .*checkpoint.*No space left on device.*\n\z"));
        Assert.That(train.Output, Does.Not.Contain("epoch 1/"));
    }

    [TestCase]
    [TestCase("--tensorboard")]
    public void DiskThatIsFullForAWhile_CostsNothing(params string[] options)
    {
        using var train = StartOnSmallDisk(options);
        FillDiskOf(train);
        if (options.Length > 0)
            train.WaitForError("tensorboard cannot be written");
        WaitForEpochs(train, 3);
        InMountsOf(train, "rm disk/full*");
        train.WaitForError("the checkpoint can be written again");
        // All that was not written is, in the epoch after.
        WaitForEpochs(train, 2);
        if (options.Length > 0)
            CopyEventsOf(train);
        train.Signal("TERM");
        train.Wait();

        Assert.That(train.ExitCode, Is.EqualTo(130), train.Error);
        var errors = train.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var failed = Names(errors, @"\Acudabn: warning: disk/run: (.*) cannot be written: .*No space left on device.*"
            + @"\. Training goes on, and this is tried again\.\z");
        var mended = Names(errors, @"\Acudabn: warning: disk/run: (.*) can be written again\.\z");
        // Others fit where a checkpoint does not. What is said of each changes from one to the other.
        Assert.That(failed, Does.Contain("the checkpoint"));
        Assert.That(mended, Is.EquivalentTo(failed));
        foreach (var name in failed.Distinct())
        {
            var said = errors.Where(line => line.Contains($": {name} can", StringComparison.Ordinal)).ToArray();
            for (var i = 0; i < said.Length; i++)
                Assert.That(said[i], Does.Contain($"{name} {(i % 2 == 0 ? "cannot" : "can")} be written"));
        }

        Assert.That(errors, Has.Length.EqualTo(failed.Length + mended.Length));
        Assert.That(train.Lines[^1], Does.Contain("metrics.csv").And.Contain("model.safetensors"));
        if (options.Length > 0)
            AssertEventsAreWhole(_folder["events"], firstStep: 1);

        static string[] Names(string[] lines, string pattern) =>
            [.. lines.Select(line => Regex.Match(line, pattern)).Where(match => match.Success).Select(match => match.Groups[1].Value)];
    }

    [Test]
    public void DiskThatIsFullAtTheEnd_PutsWeightsElsewhere()
    {
        using var train = StartOnSmallDisk();
        FillDiskOf(train);
        train.Signal("TERM");
        train.Wait();

        AssertRescued(train, "No space left on device");
    }

    [Test]
    public void DiskThatTurnsReadOnly_CostsNeitherWeightsNorTheLastCheckpoint()
    {
        using var train = StartOnSmallDisk();
        // Over what is there, as a file system in trouble does; the files that are open stay so.
        InMountsOf(train, "mount --bind disk disk");
        // A file that was opened since then keeps it busy for a moment.
        InMountsOf(train, "for i in $(seq 100); do mount -o remount,bind,ro disk 2> busy && exit; sleep 0.02; done; cat busy >&2; exit 1");
        train.WaitForError("the checkpoint cannot be written");
        train.WaitForError("metrics.csv cannot be written");
        InMountsOf(train, "cp -r disk/run copy");
        train.Signal("TERM");
        train.Wait();

        AssertRescued(train, "Read-only file system");
        Assert.That(train.Error, Does.Match(
            @"warning: disk/run: the checkpoint cannot be written: .*Read-only file system.*\. Training goes on"));
        Assert.That(Directory.GetFiles(_folder["copy"], ".cudabn-*", SearchOption.AllDirectories), Is.Empty);
        using var resume = CudabnProcess.Start(_folder[""], "train", "--resume", "copy");
        resume.WaitForLine("epoch ");
        resume.Signal("TERM");
        resume.Wait();
        Assert.That(resume.ExitCode, Is.EqualTo(130), resume.Error);
        Assert.That(resume.Error, Is.Empty);
    }

    [Test]
    public void OutputThatCannotBeWritten_CostsNothing()
    {
        using var train = CudabnProcess.StartWithMounts(
            _folder[""], "exec > /dev/full", "train", "--limit", "100", "--epochs", "2", "--out", "run");
        train.Wait();

        Assert.That(train.ExitCode, Is.Zero, train.Error);
        Assert.That(train.Error, Does.Match(
            @"\Acudabn: warning: output cannot be written: No space left on device.*\. Training goes on\.\n\z"));
        Assert.That(File.ReadAllLines(_folder["run/metrics.csv"]), Has.Length.EqualTo(3));
        Assert.That(File.Exists(_folder["run/model.safetensors"]), Is.True);
    }

    [TestCase]
    [TestCase("--tensorboard")]
    public void FolderRemovedInMidRun_IsMadeAgain(params string[] options)
    {
        using var train = CudabnProcess.Start(
            _folder[""], ["train", "--limit", "100", "--epochs", "100000", "--out", "run", .. options]);
        train.WaitForLine("epoch 1/");
        Remove(_folder["run"]);
        WaitForEpochs(train, 3);
        train.Signal("TERM");
        train.Wait();

        Assert.That(train.ExitCode, Is.EqualTo(130), train.Error);
        var epochs = train.Lines.Count(line => line.StartsWith("epoch ", StringComparison.Ordinal));
        Assert.That(File.ReadAllLines(_folder["run/metrics.csv"]), Has.Length.EqualTo(epochs + 1));
        Assert.That(
            Directory.GetFiles(_folder["run"]).Select(Path.GetFileName),
            Is.SupersetOf(new[] { "curves.png", "model.safetensors", "run.json", "samples.png" })
                .And.None.StartsWith("."));
        if (options.Length > 0)
            AssertEventsAreWhole(_folder["run/tensorboard"], epochs: epochs);
    }

    [Test]
    public void FolderThatBecomesAFile_CostsNoWeights()
    {
        using var train = CudabnProcess.StartWithMounts(
            _folder[""], "true", "train", "--limit", "100", "--epochs", "100000", "--out", "run");
        train.WaitForLine("epoch 1/");
        // A writer may make the folder again in between.
        while (!File.Exists(_folder["run"]))
        {
            Remove(_folder["run"]);
            try
            {
                File.WriteAllText(_folder["run"], "");
            }
            catch (UnauthorizedAccessException)
            {
            }
        }

        train.WaitForError("warning: run: metrics.csv cannot be written");
        train.Signal("TERM");
        train.Wait();

        AssertRescued(train, "run cannot be written");
    }

    [Test]
    public void CheckpointThatCannotBeRemoved_CostsNoNewOne()
    {
        using (var first = CudabnProcess.Run(_folder[""], "train", "--limit", "100", "--epochs", "1", "--out", "run"))
            Assert.That(first.ExitCode, Is.Zero, first.Error);
        // What something is mounted on cannot be removed.
        using var resume = CudabnProcess.StartWithMounts(
            _folder[""], "old=run/checkpoints/checkpoint-0.safetensors; mount --bind $old $old",
            "train", "--resume", "run", "--epochs", "3", "--keep", "1");
        resume.Wait();
        Assert.That((resume.ExitCode, resume.Error), Is.EqualTo((0, "")));
        Assert.That(
            Directory.GetFiles(_folder["run/checkpoints"]).Select(Path.GetFileName),
            Is.EquivalentTo(new[] { "checkpoint-0.safetensors", "checkpoint-3.safetensors" }));
    }

    private void AssertRescued(CudabnProcess train, string reason)
    {
        Assert.That(train.ExitCode, Is.EqualTo(1), train.Error);
        var error = train.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.That(error, Does.StartWith("cudabn: ").And.Contain(reason));
        var rescued = Directory.GetDirectories(_folder["temporary"], "cudabn-rescued-*").Single();
        Assert.That(error, Does.EndWith($"Weights and metrics are in {rescued} instead."));
        Assert.That(File.ReadAllLines(Path.Combine(rescued, "metrics.csv")), Has.Length.GreaterThan(1));
        using var eval = CudabnProcess.Run(_folder[""], "eval", rescued, "--limit", "10");
        Assert.That(eval.ExitCode, Is.Zero, eval.Error);
    }

    // One step is an epoch, the last of which may have been broken off.
    private static void AssertEventsAreWhole(string folder, int? firstStep = null, int? epochs = null)
    {
        var events = LoggedEvent.ReadFolder(folder);
        var steps = LoggedEvent.StepsOf(events, "loss_per_step/train");
        var ends = LoggedEvent.StepsOf(events, "loss/train");
        Assert.That(steps, Is.EqualTo(Enumerable.Range(firstStep ?? (int)steps[0], steps.Length)));
        Assert.That(ends, Is.EqualTo(steps[..ends.Length]));
        Assert.That(ends[^1], Is.EqualTo(epochs ?? ends[^1]).And.GreaterThanOrEqualTo(steps[^1] - 1));
    }

    private static void WaitForEpochs(CudabnProcess train, int count)
    {
        var seen = train.Lines.Length;
        while (train.Lines.Length < seen + count && !train.HasExited)
            Thread.Sleep(10);
    }

    // While the run stands still, so that no file is half written.
    private void CopyEventsOf(CudabnProcess train)
    {
        train.Signal("STOP");
        InMountsOf(train, "cp -r disk/run/tensorboard events");
        train.Signal("CONT");
    }

    // Room for a few checkpoints of 0.7 MB, and for event files.
    private CudabnProcess StartOnSmallDisk(params string[] options)
    {
        var size = options.Length == 0 ? "4m" : "40m";
        var train = CudabnProcess.StartWithMounts(
            _folder[""], $"mount -t tmpfs -o size={size} small disk",
            ["train", "--limit", "100", "--epochs", "100000", "--init", "default", "--out", "disk/run", .. options]);
        train.WaitForLine("epoch 1/");
        return train;
    }

    // Again and again: while the disk fills, the run removes checkpoints.
    private void FillDiskOf(CudabnProcess train)
    {
        for (var i = 0; !train.Error.Contains("the checkpoint cannot be written", StringComparison.Ordinal); i++)
        {
            Assert.That(train.HasExited, Is.False, train.Error);
            InMountsOf(train, $"head -c 8000000 /dev/zero > disk/full{i} 2> /dev/null || true");
        }
    }

    private void InMountsOf(CudabnProcess process, string command) => Programs.Run(
        "nsenter", "--target", $"{process.Id}", "--user", "--mount", "--preserve-credentials", "sh", "-ec",
        $"cd '{_folder[""]}'; {command}");

    // While the run may write into it.
    private static void Remove(string folder)
    {
        while (Directory.Exists(folder))
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (IOException)
            {
                Thread.Yield();
            }
        }
    }
}
