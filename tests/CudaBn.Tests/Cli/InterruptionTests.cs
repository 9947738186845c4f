using System.Diagnostics;
using System.Globalization;
using System.Text;
using CudaBn.Cli;
using CudaBn.Serialization;
using CudaBn.Tests.Serialization;
using NUnit.Framework;
using SkiaSharp;

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
    [TestCase("HUP")]
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
    [Platform("Linux", Reason = "script(1) takes other options elsewhere.")]
    public void Terminal_ThatIsClosed_LetsTrainingSaveFirst()
    {
        using var terminal = CudabnProcess.StartInTerminal(
            _folder[""], noColor: true, "train", "--limit", "100", "--epochs", "100000", "--out", _folder["run"]);
        terminal.WaitUntil(() => File.Exists(_folder["run/checkpoints/checkpoint-2.safetensors"]));
        var holder = File.ReadAllText(_folder[$"run/{RunLock.HolderName}"]);
        using var train = Process.GetProcessById(int.Parse(holder.Split(' ')[1], CultureInfo.InvariantCulture));
        try
        {
            terminal.Kill();
            // The last that it does. Whether it is gone, only its parent is told, which is another by now.
            Assert.That(() => File.Exists(_folder[$"run/{RunLock.FileName}"]), Is.False.After(30_000, 20));
        }
        finally
        {
            train.Kill();
        }

        var epochs = File.ReadAllLines(_folder["run/metrics.csv"]).Length - 1;
        Assert.That(
            File.ReadAllText(_folder["run/report.html"]), Does.Contain($"Interrupted after {epochs} of 100000 epochs"));
        Assert.That(File.Exists(_folder["run/model.safetensors"]), Is.True);
        Assert.That(
            Directory.GetFileSystemEntries(_folder["run"]).Select(Path.GetFileName), Has.None.StartsWith("."));
        AssertWhole(_folder["run"]);
    }

    // As nohup(1) starts it.
    [Test]
    [Platform("Linux", Reason = "It is started through unshare(1).")]
    public void Hangup_WhereItIsIgnored_EndsNothing()
    {
        using var train = CudabnProcess.StartWithMounts(
            _folder[""], "trap '' HUP", "train", "--limit", "100", "--epochs", "100000", "--out", _folder["run"]);
        train.WaitForLine("epoch 1/");
        train.Signal("HUP");
        train.WaitForLine(string.Create(CultureInfo.InvariantCulture, $"epoch {train.Lines.Length + 10}/"));
        train.Signal("TERM");
        train.Wait();

        Assert.That((train.ExitCode, train.Error), Is.EqualTo((130, "")));
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

    // Before there is a handler, the signal ends the process as it does any other: by its number.
    [TestCase("INT", 130)]
    [TestCase("TERM", 143)]
    public void Signal_WhileStartingUp_LeavesNothing(string signal, int killed)
    {
        for (var after = 0; after <= 400; after += 80)
        {
            using var train = CudabnProcess.Start(
                _folder[""], "train", "--batch-size", "1", "--epochs", "1000", "--out", _folder["run"]);
            Thread.Sleep(after);
            train.Signal(signal);
            train.Wait();

            Assert.That(train.ExitCode, Is.EqualTo(130).Or.EqualTo(killed), $"after {after} ms: {train.Error}");
            Assert.That(train.Error, Is.Empty, $"after {after} ms");
            AssertWhole(_folder["run"]);
        }
    }

    [TestCase("INT")]
    [TestCase("TERM")]
    public void Signal_WhileImagesAreDecoded_LeavesNoFolder(string signal)
    {
        // One large image many times over: decoding takes seconds.
        ImageFiles.Write(_folder["images/train/a/0.png"], 900, 900, seed: 1);
        ImageFiles.Write(_folder["images/test/a/0.png"], 28, 28, seed: 2);
        for (var i = 1; i < 400; i++)
            File.CreateSymbolicLink(_folder[$"images/train/a/{i}.png"], _folder["images/train/a/0.png"]);
        using var train = CudabnProcess.Start(
            _folder[""], "train", "--data-set", "folder", "--data", "images", "--image-size", "28", "--model", "resnet20",
            "--out", _folder["run"]);
        train.WaitForLine("decoding ");
        train.Signal(signal);
        train.Wait();

        Assert.That(train.ExitCode, Is.EqualTo(130), train.Output);
        Assert.That(train.Error, Is.Empty);
        Assert.That(Directory.Exists(_folder["run"]), Is.False);
    }

    [TestCase("INT")]
    [TestCase("TERM")]
    public void Signal_InEvaluation_EndsIt(string signal)
    {
        using var train = CudabnProcess.Run(_folder[""], "train", "--limit", "100", "--epochs", "1", "--out", "run");
        using var eval = CudabnProcess.Start(_folder[""], "eval", "run", "--batch-size", "1");
        eval.WaitForLine("weights ");
        eval.Signal(signal);
        eval.Wait();

        Assert.That(eval.ExitCode, Is.EqualTo(130), eval.Output);
        Assert.That(eval.Error, Is.Empty);
        Assert.That(eval.Output, Does.Not.Contain("accuracy"));
        AssertWhole(_folder["run"]);
    }

    [TestCase("INT")]
    [TestCase("TERM")]
    public void Signal_WhileResultsAreWritten_LeavesThemWhole(string signal)
    {
        using var train = CudabnProcess.Start(
            _folder[""], "train", "--limit", "200", "--epochs", "1", "--init", "default", "--out", _folder["run"]);
        while (!File.Exists(_folder["run/curves.png"]) && !train.HasExited)
            Thread.Sleep(1);
        train.Signal(signal);
        train.Wait();

        Assert.That(train.ExitCode, Is.EqualTo(130), train.Output);
        Assert.That(train.Error, Is.Empty);
        Assert.That(
            Directory.GetFiles(_folder["run"]).Select(Path.GetFileName),
            Is.SupersetOf(new[] { "curves.png", "metrics.csv", "model.safetensors", "run.json", "samples.png" }));
        AssertWhole(_folder["run"]);
    }

    [Test]
    public void SecondSignal_WhileResultsAreWritten_LeavesNoHalfFile()
    {
        using var train = CudabnProcess.Start(
            _folder[""], "train", "--limit", "300", "--epochs", "100000", "--out", _folder["run"]);
        train.WaitForLine("epoch 1/");
        train.Signal("TERM");
        while (!File.Exists(_folder["run/curves.png"]) && !train.HasExited)
            Thread.Sleep(1);
        train.Signal("TERM");
        train.Wait();

        Assert.That(train.ExitCode, Is.EqualTo(130), train.Output);
        Assert.That(train.Error, Is.Empty);
        AssertWhole(_folder["run"]);
    }

    [TestCase("INT", "b.npz")]
    [TestCase("TERM", "b.npz")]
    [TestCase("TERM", "b.safetensors")]
    [TestCase("HUP", "b.npz")]
    public void Signal_WhileAFileIsConverted_LeavesNothingBesideTheOldOne(string signal, string target)
    {
        WriteLargeFile(values: 100_000_000);
        File.WriteAllText(_folder[target], "old");
        using var convert = CudabnProcess.Start(_folder[""], "convert", "a.safetensors", target, "--force");
        convert.WaitUntil(() => Directory.GetFiles(_folder[""], ".cudabn-*.tmp").Length > 0);
        convert.Signal(signal);
        convert.Wait();

        Assert.That(convert.ExitCode, Is.EqualTo(130), convert.Error);
        Assert.That(convert.Output + convert.Error, Is.Empty);
        Assert.That(_folder.FileNames(), Is.EquivalentTo(new[] { "a.safetensors", target }));
        Assert.That(File.ReadAllText(_folder[target]), Is.EqualTo("old"));
    }

    [Test]
    public void Signal_WhileAFileIsInspected_EndsIt()
    {
        WriteLargeFile(values: 1_000_000_000);
        using var inspect = CudabnProcess.Start(_folder[""], "inspect", "a.safetensors", "--plot", "a.png");
        // Reading takes seconds, starting less than one.
        Thread.Sleep(700);
        inspect.Signal("INT");
        inspect.Wait();

        Assert.That(inspect.ExitCode, Is.EqualTo(130), inspect.Output);
        Assert.That(inspect.Error, Is.Empty);
        Assert.That(_folder.FileNames(), Is.EqualTo(new[] { "a.safetensors" }));
    }

    // Nothing but holes on the disk, and seconds of work.
    private void WriteLargeFile(long values)
    {
        var header = Encoding.UTF8.GetBytes(
            $"{{\"w\":{{\"dtype\":\"F32\",\"shape\":[{values}],\"data_offsets\":[0,{4 * values}]}}}}");
        using var file = new BinaryWriter(File.Create(_folder["a.safetensors"]));
        file.Write((long)header.Length);
        file.Write(header);
        file.BaseStream.SetLength(file.BaseStream.Position + (4 * values));
    }

    // Nothing unfinished.
    private static void AssertWhole(string folder)
    {
        if (!Directory.Exists(folder))
            return;
        AssertWholeFiles(folder);
        Assert.That(Directory.GetFiles(folder).Select(Path.GetFileName), Has.None.EndsWith(".tmp"));
    }

    private static void AssertWholeFiles(string folder)
    {
        foreach (var picture in Directory.GetFiles(folder, "*.png"))
        {
            using var bitmap = SKBitmap.Decode(picture);
            Assert.That(bitmap, Is.Not.Null, picture);
        }

        var weights = Path.Combine(folder, "model.safetensors");
        if (File.Exists(weights))
        {
            using var reader = new SafeTensorsReader(weights);
            Assert.That(reader.Entries, Is.Not.Empty);
        }
    }
}
