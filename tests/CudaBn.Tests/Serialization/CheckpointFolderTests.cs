using CudaBn.Tests.Core;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

public class CheckpointFolderTests
{
    private TemporaryFolder _folder = null!;
    private CheckpointRun _run = null!;

    [SetUp]
    public void MakeFolder() => (_folder, _run) = (new TemporaryFolder(), new CheckpointRun(CheckpointSetup.Of("Sgd")));

    [TearDown]
    public void RemoveFolder()
    {
        _run.Dispose();
        _folder.Dispose();
    }

    [Test]
    public void Save_KeepsTheLastFew()
    {
        var files = new CheckpointFolder(_folder["checkpoints"], keep: 3);
        Assert.That(files.Files, Is.Empty);
        SaveAfterEveryStep(files, epochs: 2);

        // By number: 9 is older than 10.
        Assert.That(files.Files.Select(Path.GetFileName), Is.EqualTo(Names(12, 11, 10)));
        Assert.That(Directory.GetFiles(_folder["checkpoints"]), Has.Length.EqualTo(3));
    }

    [Test]
    public void LoadNewest_OfNone_IsNull() =>
        Assert.That(new CheckpointFolder(_folder["nowhere"]).LoadNewest(_run.Trainer, _run.Train), Is.Null);

    [Test]
    public void LoadNewest_Undamaged_WarnsOfNothing()
    {
        var files = new CheckpointFolder(_folder["."]);
        _run.FitUpTo(1);
        var path = files.Save(_run.Trainer, _run.Train, new Dictionary<string, string> { ["note"] = "mine" });
        var state = _run.State();

        using var other = new CheckpointRun(CheckpointSetup.Of("Sgd"));
        var restored = files.LoadNewest(other.Trainer, other.Train)!;
        Assert.That((restored.Path, restored.Metadata["note"], restored.Warnings.Count), Is.EqualTo((path, "mine", 0)));
        Assert.That(other.State(), Is.EqualTo(state));
    }

    [Test]
    public void LoadNewest_Damaged_FallsBackWithAWarning_AndTrainingComesToTheSame()
    {
        var files = new CheckpointFolder(_folder["."], keep: 3);
        SaveAfterEveryStep(files, epochs: 2);
        var state = _run.State();
        // The newest two: a file cut short, and one with a flipped bit in the middle.
        Truncate(files.Files[0], 1000);
        Flip(files.Files[1]);

        using var other = new CheckpointRun(CheckpointSetup.Of("Sgd"));
        var restored = files.LoadNewest(other.Trainer, other.Train)!;
        Assert.That(Path.GetFileName(restored.Path), Is.EqualTo(Names(10)[0]));
        Assert.That(restored.Warnings, Has.Count.EqualTo(2));
        Assert.That(restored.Warnings[0], Does.StartWith($"{files.Files[0]}: byte "));
        Assert.That(restored.Warnings[1], Does.StartWith($"{files.Files[1]}: byte ").And.Contain("SHA-256"));
        other.FitUpTo(2);
        Assert.That(other.State(), Is.EqualTo(state));

        // Those of later steps were of a past that is gone: the next one is the newest.
        using var again = new CheckpointRun(CheckpointSetup.Of("Sgd"));
        files.LoadNewest(again.Trainer, again.Train);
        files.Save(again.Trainer, again.Train);
        Assert.That(files.Files.Select(Path.GetFileName), Is.EqualTo(Names(10)));
    }

    [Test]
    public void LoadNewest_AllDamaged_NamesEach()
    {
        var files = new CheckpointFolder(_folder["."], keep: 2);
        SaveAfterEveryStep(files, epochs: 1);
        foreach (var file in files.Files)
            Truncate(file, 5);
        var before = _run.State();
        ErrorAssert.Throws<InvalidDataException>(
            () => files.LoadNewest(_run.Trainer, _run.Train), "none of its checkpoints can be read", files.Files[0],
            files.Files[1]);
        Assert.That(_run.State(), Is.EqualTo(before));
    }

    [Test]
    public void LoadNewest_OfAnotherTraining_DoesNotFallBack()
    {
        var files = new CheckpointFolder(_folder["."]);
        SaveAfterEveryStep(files, epochs: 1);
        using var other = new CheckpointRun(CheckpointSetup.Of("Sgd") with { DataSeed = 9 });
        ErrorAssert.Throws<InvalidDataException>(
            () => files.LoadNewest(other.Trainer, other.Train), files.Files[0], "checkpoint.data.seed is '3', expected '9'");
    }

    [Test]
    public void Save_WriterKilledAtAnyPoint_LeavesWhatCanBeGoneOnFrom()
    {
        // All that a killed writer can leave: a part of the new file beside the old one, or both.
        var files = new CheckpointFolder(_folder["."], keep: 1);
        files.Save(_run.Trainer, _run.Train);
        _run.FitUpTo(1);
        _run.Save(_folder["whole"]);
        var bytes = File.ReadAllBytes(_folder["whole"]);
        File.Delete(_folder["whole"]);
        var state = _run.State();
        foreach (var written in new[] { 0, 1, 8, 500, bytes.Length / 2, bytes.Length - 1, bytes.Length })
        {
            using var other = new CheckpointRun(CheckpointSetup.Of("Sgd"));
            File.WriteAllBytes(_folder[".cudabn-0123.tmp"], bytes[..written]);
            var restored = files.LoadNewest(other.Trainer, other.Train)!;
            Assert.That((Path.GetFileName(restored.Path), restored.Warnings.Count), Is.EqualTo((Names(0)[0], 0)), $"{written}");
        }

        File.Move(_folder[".cudabn-0123.tmp"], _folder[Names(6)[0]]);
        File.WriteAllBytes(_folder[".cudabn-4567.tmp"], bytes[..1000]);
        using var renamed = new CheckpointRun(CheckpointSetup.Of("Sgd"));
        Assert.That(Path.GetFileName(files.LoadNewest(renamed.Trainer, renamed.Train)!.Path), Is.EqualTo(Names(6)[0]));
        Assert.That(renamed.State(), Is.EqualTo(state));
        files.Save(renamed.Trainer, renamed.Train);
        Assert.That(_folder.FileNames(), Is.EqualTo(Names(6)));
    }

    [Test]
    public void Save_DamagedOnesKnown_AreRemovedInPlaceOfGoodOnes()
    {
        var files = new CheckpointFolder(_folder["."], keep: 2);
        for (var epochs = 1; epochs <= 2; epochs++)
        {
            _run.FitUpTo(epochs);
            files.Save(_run.Trainer, _run.Train);
        }

        Truncate(_folder[Names(12)[0]], 1000);
        using var resumed = new CheckpointRun(CheckpointSetup.Of("Sgd"));
        var goneOn = new CheckpointFolder(_folder["."], keep: 2);
        Assert.That(goneOn.LoadNewest(resumed.Trainer, resumed.Train)!.Warnings, Has.Count.EqualTo(1));
        resumed.FitUpTo(3);
        goneOn.Save(resumed.Trainer, resumed.Train);
        Assert.That(goneOn.Files.Select(Path.GetFileName), Is.EqualTo(Names(18, 6)));
    }

    [Test]
    public void Save_OverADamagedOne_CountsAsAGoodOne()
    {
        var files = new CheckpointFolder(_folder["."], keep: 1);
        _run.FitUpTo(1);
        var path = files.Save(_run.Trainer, _run.Train);
        var whole = File.ReadAllBytes(path);
        Truncate(path, 1000);
        Assert.That(() => files.LoadNewest(_run.Trainer, _run.Train), Throws.TypeOf<InvalidDataException>());
        files.Save(_run.Trainer, _run.Train);
        Assert.That(File.ReadAllBytes(path), Has.Length.EqualTo(whole.Length));
    }

    [Test]
    public void Save_FilesOfOthers_StayAsTheyAre()
    {
        string[] others = [".cudabn-being-written.tmp", "checkpoint-.safetensors", "checkpoint-best.safetensors", "notes.txt"];
        foreach (var name in others)
            File.WriteAllText(_folder[name], "");
        using (new FileStream(_folder[others[0]], FileMode.Open, FileAccess.Write, FileShare.None))
            new CheckpointFolder(_folder["."], keep: 1).Save(_run.Trainer, _run.Train);
        Assert.That(_folder.FileNames(), Is.EquivalentTo([.. others, .. Names(0)]));
    }

    [Test]
    public void Save_BelowAFile_NamesTheFolder()
    {
        File.WriteAllText(_folder["file"], "");
        Assert.That(
            () => new CheckpointFolder(_folder["file/checkpoints"]).Save(_run.Trainer, _run.Train),
            Throws.InstanceOf<IOException>().With.Message.Contains(_folder["file/checkpoints"]));
    }

    [TestCase(0)]
    [TestCase(-1)]
    public void Constructor_KeepingNone_IsRefused(int keep) =>
        ErrorAssert.Throws<ArgumentException>(() => _ = new CheckpointFolder("x", keep), "CheckpointFolder", $"not {keep}");

    private static string[] Names(params int[] steps) =>
        Array.ConvertAll(steps, step => $"checkpoint-{step}.safetensors");

    private static void Truncate(string path, int length) => File.WriteAllBytes(path, File.ReadAllBytes(path)[..length]);

    private static void Flip(string path)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[^(bytes.Length / 3)] ^= 4;
        File.WriteAllBytes(path, bytes);
    }

    private void SaveAfterEveryStep(CheckpointFolder files, int epochs) =>
        _run.FitUpTo(epochs, () => files.Save(_run.Trainer, _run.Train));
}
