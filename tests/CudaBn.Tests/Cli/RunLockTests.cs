using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class RunLockTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Take_Held_NamesTheProcess()
    {
        using var held = RunLock.Take(_folder[""]);
        Assert.That(RunLock.TryTake(_folder[""]), Is.Null);
        Assert.That(
            () => RunLock.Take(_folder[""]),
            Throws.InstanceOf<IOException>().With.Message.Contains(_folder[""])
                .And.Message.Contains($"process {Environment.ProcessId} on {Environment.MachineName}"));
    }

    [Test]
    public void Dispose_LeavesNothing()
    {
        RunLock.Take(_folder[""]).Dispose();
        Assert.That(_folder.FileNames(), Is.Empty);
        RunLock.Take(_folder[""]).Dispose();
    }

    [Test]
    public void Take_ByManyAtOnce_OneAtATime()
    {
        const int takes = 200;
        var (inside, most, taken) = (0, 0, 0);
        Parallel.For(0, 8, _ =>
        {
            while (Volatile.Read(ref taken) < takes)
            {
                using var held = RunLock.TryTake(_folder[""]);
                if (held is null)
                    continue;
                most = Math.Max(most, Interlocked.Increment(ref inside));
                Interlocked.Increment(ref taken);
                Thread.SpinWait(1000);
                Interlocked.Decrement(ref inside);
            }
        });
        Assert.That(most, Is.EqualTo(1));
    }

    [Test]
    public void IsHeld_FolderRemoved_IsFalseAndAnotherMayTakeIt()
    {
        var path = _folder["run"];
        Directory.CreateDirectory(path);
        var first = RunLock.Take(path);
        Assert.That(first.IsHeld, Is.True);
        Directory.Delete(path, recursive: true);
        Assert.That(first.IsHeld, Is.False);

        // As another process would make it.
        Directory.CreateDirectory(path);
        File.WriteAllText(Path.Combine(path, RunLock.FileName), "");
        File.WriteAllText(Path.Combine(path, RunLock.HolderName), "process 1 elsewhere");
        Assert.That(first.IsHeld, Is.False);
        first.Dispose();
        Assert.That(File.Exists(Path.Combine(path, RunLock.FileName)), Is.True);
        Assert.That(File.Exists(Path.Combine(path, RunLock.HolderName)), Is.True);
    }

    [Test]
    public void TakeAgain_OnlyTheHolderIsGone_KeepsTheLock()
    {
        var held = RunLock.Take(_folder[""]);
        File.Delete(_folder[RunLock.HolderName]);
        Assert.That(held.IsHeld, Is.False);
        Assert.That(held.TakeAgain(), Is.SameAs(held));
        Assert.That(held.IsHeld, Is.True);
        Assert.That(RunLock.TryTake(_folder[""]), Is.Null);

        File.Delete(_folder[RunLock.HolderName]);
        held.Dispose();
        Assert.That(_folder.FileNames(), Is.Empty);
    }

    [Test]
    public void Write_OfAFolderWhoseHolderIsGone_GoesOn()
    {
        using var folder = RunFolder.Claim(_folder["run"]);
        File.Delete(_folder[$"run/{RunLock.HolderName}"]);
        folder.Write(() => File.WriteAllText(folder.Metrics, "written"));
        Assert.That(File.ReadAllText(folder.Metrics), Is.EqualTo("written"));
        Assert.That(File.Exists(_folder[$"run/{RunLock.HolderName}"]), Is.True);
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Windows has no signals to send.")]
    public void Take_HolderKilled_Succeeds()
    {
        using (var train = CudabnProcess.Start(_folder[""], "train", "--batch-size", "1", "--out", "run"))
        {
            train.WaitForLine("out ");
            Assert.That(
                () => RunLock.Take(_folder["run"]),
                Throws.InstanceOf<IOException>().With.Message.Match(@"process \d+ on .* trains in this folder")
                    .And.Message.Not.Contains($"process {Environment.ProcessId} "));
            train.Signal("KILL");
            train.Wait();
        }

        using var held = RunLock.Take(_folder["run"]);
        Assert.That(held.IsHeld, Is.True);
    }
}
