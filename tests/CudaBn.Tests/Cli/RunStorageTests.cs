using System.Diagnostics;
using CudaBn.Tests.Serialization;
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
    public void DiskThatIsFullForAWhile_CostsNothing()
    {
        using var train = CudabnProcess.StartWithMounts(
            _folder[""], "mount -t tmpfs -o size=4m small disk",
            "train", "--limit", "100", "--epochs", "100000", "--out", "disk/run");
        train.WaitForLine("epoch 1/");
        InMountsOf(train, "head -c 8000000 /dev/zero > disk/full 2> /dev/null || true");
        train.WaitForError("warning: ");
        var seen = train.Lines.Length;
        while (train.Lines.Length < seen + 3 && !train.HasExited)
            Thread.Sleep(10);
        InMountsOf(train, "rm disk/full");
        train.WaitForError("can be written again");
        train.Signal("TERM");
        train.Wait();

        Assert.That(train.ExitCode, Is.EqualTo(130), train.Error);
        var errors = train.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(errors, Has.Length.EqualTo(2));
        Assert.That(errors[0], Does.StartWith("cudabn: warning: disk/run: metrics.csv cannot be written: ")
            .And.Contain("No space left on device").And.EndWith(". Training goes on, and this is tried again."));
        Assert.That(errors[1], Is.EqualTo("cudabn: warning: disk/run: metrics.csv can be written again."));
        Assert.That(train.Lines[^1], Does.Contain("metrics.csv").And.Contain("model.safetensors"));
    }

    [Test]
    public void DiskTooSmallForTheWeights_PutsThemElsewhere()
    {
        using var train = CudabnProcess.StartWithMounts(
            _folder[""], "mount -t tmpfs -o size=64k small disk",
            "train", "--limit", "100", "--epochs", "2", "--init", "default", "--out", "disk/run");
        train.Wait();

        AssertRescued(train, "No space left on device");
    }

    [Test]
    public void FolderRemovedInMidRun_IsMadeAgain()
    {
        using var train = CudabnProcess.Start(
            _folder[""], "train", "--limit", "100", "--epochs", "100000", "--out", "run");
        train.WaitForLine("epoch 1/");
        Remove(_folder["run"]);
        var seen = train.Lines.Length;
        while (train.Lines.Length < seen + 3 && !train.HasExited)
            Thread.Sleep(10);
        train.Signal("TERM");
        train.Wait();

        Assert.That(train.ExitCode, Is.EqualTo(130), train.Error);
        var epochs = train.Lines.Count(line => line.StartsWith("epoch ", StringComparison.Ordinal));
        Assert.That(File.ReadAllLines(_folder["run/metrics.csv"]), Has.Length.EqualTo(epochs + 1));
        Assert.That(
            Directory.GetFiles(_folder["run"]).Select(Path.GetFileName),
            Is.SupersetOf(new[] { "curves.png", "model.safetensors", "run.json", "samples.png" })
                .And.None.StartsWith("."));
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

    private void InMountsOf(CudabnProcess process, string command)
    {
        using var shell = Process.Start(new ProcessStartInfo(
            "nsenter",
            ["--target", $"{process.Id}", "--user", "--mount", "--preserve-credentials", "sh", "-ec", $"cd '{_folder[""]}'; {command}"])
        {
            RedirectStandardError = true,
        })!;
        var error = shell.StandardError.ReadToEnd();
        shell.WaitForExit();
        Assert.That(shell.ExitCode, Is.Zero, error);
    }

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
