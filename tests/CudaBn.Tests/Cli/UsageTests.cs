using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class UsageTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Help_NamesCommandsExamplesAndExitCodes()
    {
        using var help = Run("--help");

        Assert.That(help.ExitCode, Is.Zero);
        Assert.That(help.Error, Is.Empty);
        string[] texts = ["train", "eval", "inspect", "convert", "doctor", "Examples:", "cudabn train", "CUDABN_DATA", "130"];
        foreach (var text in texts)
            Assert.That(help.Output, Does.Contain(text));
    }

    [Test]
    public void Help_ExamplesAreTaken()
    {
        var lines = CommandLines.In(HelpWithExamples.Closing).ToArray();
        Assert.That(lines, Has.Length.GreaterThan(15));
        Assert.That(lines.SelectMany(CommandLines.Faults), Is.Empty);
    }

    [Test]
    public void Help_OfTrain_NamesEveryOptionAndItsDefault()
    {
        using var help = Run("train", "--help");

        Assert.That(help.ExitCode, Is.Zero);
        string[] options =
        [
            "--epochs", "[default: 10]", "--batch-size", "[default: 256,", "--lr", "[default: 0.2,", "--seed",
            "--momentum", "--weight-decay", "--schedule", "constant|cosine|one-cycle", "notebook|resnet20|resnet18",
            "--init", "notebook|default", "[default: notebook]", "--device", "[default: auto]", "--data", "--limit", "--out",
            "--model", "--data-set", "[default: fashion-mnist]", "--image-size", "--color", "[default: rgb]", "--augment",
            "--normalize",
            "[default: runs/TIME]", "--threads", "--notebook-bug", "--resume", "--save-every", "--keep", "[default: 3]",
        ];
        foreach (var option in options)
            Assert.That(help.Output, Does.Contain(option));
    }

    [TestCase("frobnicate", "frobnicate")]
    [TestCase("train --frobnicate", "--frobnicate")]
    [TestCase("train --lr nan", "nan")]
    [TestCase("train --lr NaN", "NaN")]
    [TestCase("train --lr -0.1", "-0.1")]
    [TestCase("train --lr 0,2", "0,2")]
    [TestCase("train --momentum 1", "--momentum 1")]
    [TestCase("train --weight-decay -1", "--weight-decay -1")]
    [TestCase("train --schedule step", "--schedule step")]
    [TestCase("train --model resnet20 --init notebook", "--init notebook")]
    [TestCase("train --model resnet18 --notebook-bug", "--notebook-bug")]
    [TestCase("train --epochs 0", "0")]
    [TestCase("train --epochs 1.5", "1.5")]
    [TestCase("train --batch-size -1", "-1")]
    [TestCase("train --batch-size 99999999999", "99999999999")]
    [TestCase("train --threads 0", "0")]
    [TestCase("train --seed -1", "-1")]
    [TestCase("train --limit 0", "0")]
    [TestCase("train --init zeros", "zeros")]
    [TestCase("train --device tpu", "tpu")]
    [TestCase("train --model resnet0", "resnet0")]
    [TestCase("train --data-set imagenet", "imagenet")]
    [TestCase("train --data-set folder", "--data ")]
    [TestCase("train --data-set cifar10", "32x32 RGB")]
    [TestCase("train --image-size 28", "--image-size")]
    [TestCase("train --data-set cifar10 --color grey", "--color")]
    [TestCase("train --data-set folder --data . --image-size 0", "--image-size 0")]
    [TestCase("train --epochs", "--epochs")]
    [TestCase("eval", "RUN_OR_FILE")]
    [TestCase("", "--help")]
    public void WrongUsage_IsOneLineWithTheValueAndExitCode2(string arguments, string culprit)
    {
        using var command = Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.That(command.ExitCode, Is.EqualTo(2));
        AssertOneLine(command, culprit);
        Assert.That(_folder.FileNames(), Is.Empty);
    }

    [Test]
    public void Out_BelowAFile_IsRefusedBeforeTraining()
    {
        File.WriteAllText(_folder["file"], "");
        var path = Path.Combine(_folder["file"], "run");
        using var command = Run("train", "--out", path);

        Assert.That(command.ExitCode, Is.EqualTo(1));
        AssertOneLine(command, path);
        Assert.That(command.Output, Is.Empty);
        Assert.That(_folder.FileNames(), Is.EqualTo(new[] { "file" }));
    }

    [Test]
    public void Data_Broken_NamesTheFileAndLeavesNothing()
    {
        var data = Directory.CreateDirectory(_folder["data"]).FullName;
        foreach (var file in FashionMnistFiles.Published.All)
        {
            var name = Path.GetFileNameWithoutExtension(file.ArchiveName);
            File.WriteAllBytes(Path.Combine(data, name), [0, 0, 8, 1, 0, 0, 0, 9, 1]);
        }

        using var command = Run("train", "--data", data, "--out", _folder["new/run"]);

        Assert.That(command.ExitCode, Is.EqualTo(1));
        AssertOneLine(command, Path.Combine(data, "train-"));
        Assert.That(Directory.Exists(_folder["new"]), Is.False);
    }

    [Test]
    public void Data_Missing_NamesTheFolder()
    {
        using var command = Run("train", "--data", _folder["nowhere"]);

        Assert.That(command.ExitCode, Is.EqualTo(1));
        AssertOneLine(command, _folder["nowhere"]);
        Assert.That(Directory.GetFileSystemEntries(_folder[""]), Is.Empty);
    }

    [TestCase("nowhere", "nowhere")]
    [TestCase(".", "model.safetensors")]
    [TestCase("broken.safetensors", "broken.safetensors")]
    public void Eval_WithoutWeights_NamesWhatIsMissing(string path, string culprit)
    {
        File.WriteAllText(_folder["broken.safetensors"], "not weights at all");
        using var command = Run("eval", path);

        Assert.That(command.ExitCode, Is.EqualTo(1));
        AssertOneLine(command, culprit);
    }

    [Test]
    public void Doctor_WithoutGpuOrData_SaysWhatThereIs()
    {
        using var doctor = Run("doctor");

        Assert.That(doctor.ExitCode, Is.Zero);
        Assert.That(doctor.Error, Is.Empty);
        string[] texts =
        [
            "device   cpu", "because", "vectors", "threads", _folder["cudabn"], "nowhere", "no such folder",
            "CudaBn", ".NET", "OS", "cache", "CPU",
        ];
        foreach (var text in texts)
            Assert.That(doctor.Output, Does.Contain(text));
    }

    private static void AssertOneLine(CudabnProcess command, string culprit)
    {
        Assert.That(command.Error, Does.StartWith("cudabn: ").And.Contain(culprit));
        Assert.That(command.Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
    }

    private CudabnProcess Run(params string[] arguments) => CudabnProcess.Run(_folder[""], arguments);
}
