using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class RunFolderTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Claim_TakenFolder_GetsTheNextNumber()
    {
        using var first = RunFolder.Claim(_folder["run"]);
        using var second = RunFolder.Claim(_folder["run"] + Path.DirectorySeparatorChar);
        using var third = RunFolder.Claim(_folder["run"]);

        Assert.That(
            new[] { first.FolderPath, second.FolderPath, third.FolderPath },
            Is.EqualTo(new[] { _folder["run"], _folder["run-2"], _folder["run-3"] }));
    }

    [Test]
    public void Claim_FolderWithOtherFiles_IsUsed()
    {
        Directory.CreateDirectory(_folder["mine"]);
        File.WriteAllText(Path.Combine(_folder["mine"], "notes.txt"), "keep");
        using (var run = RunFolder.Claim(_folder["mine"]))
            Assert.That(run.FolderPath, Is.EqualTo(_folder["mine"]));

        Assert.That(Directory.GetFiles(_folder["mine"]).Select(Path.GetFileName), Is.EqualTo(new[] { "notes.txt" }));
    }

    [Test]
    public void Dispose_NotKept_RemovesEveryFolderItMade()
    {
        RunFolder.Claim(_folder["a/b/run"]).Dispose();
        Assert.That(Directory.Exists(_folder["a"]), Is.False);
        Assert.That(Directory.Exists(_folder[""]), Is.True);
    }

    [Test]
    public void Dispose_Kept_LeavesTheFolder()
    {
        using (var run = RunFolder.Claim(_folder["run"]))
            run.Keep();
        Assert.That(File.Exists(_folder["run/metrics.csv"]), Is.True);
    }

    [Test]
    public void Claim_AtOnce_GivesEveryoneAFolderOfTheirOwn()
    {
        var folders = new string[8];
        Parallel.For(0, folders.Length, i =>
        {
            var run = RunFolder.Claim(_folder["run"]);
            run.Keep();
            folders[i] = run.FolderPath;
        });
        Assert.That(folders, Is.Unique);
    }

    [Test]
    public void Claim_BelowAFile_NamesTheFolder()
    {
        File.WriteAllText(_folder["file"], "");
        Assert.That(
            () => RunFolder.Claim(_folder["file/run"]),
            Throws.InstanceOf<IOException>().With.Message.Contains(_folder["file/run"]));
    }

    [Test]
    public void Claim_ByAClockThatJumps_NamesAFolderOfItsOwn()
    {
        var clock = new SetClock { Now = new DateTimeOffset(2031, 3, 4, 5, 6, 7, TimeSpan.Zero) };
        using var first = RunFolder.Claim(null, clock);
        clock.Now -= TimeSpan.FromHours(1);
        using var earlier = RunFolder.Claim(null, clock);
        clock.Now += TimeSpan.FromHours(1);
        using var again = RunFolder.Claim(null, clock);

        Assert.That(earlier.FolderPath, Is.Not.EqualTo(first.FolderPath));
        Assert.That(again.FolderPath, Is.EqualTo($"{first.FolderPath}-2"));
    }

    private sealed class SetClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
