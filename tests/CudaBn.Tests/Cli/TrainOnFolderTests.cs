using System.Globalization;
using CudaBn.Tests.Data;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>Runs on images from files, and their evaluation without a word about them.</summary>
public class TrainOnFolderTests
{
    [Test]
    public void Train_AugmentedAndNormalized_IsReproducedByEval()
    {
        using var folder = new TemporaryFolder();
        ImageFiles.WriteFolder(folder["garments, drawn"], DrawnGarments.Create(60, 40));

        using var train = CudabnProcess.Run(
            folder[""], "train", "--data-set", "folder", "--data", "garments, drawn", "--image-size", "28", "--color", "grey",
            "--augment", "--normalize", "--epochs", "2", "--batch-size", "16", "--init", "default", "--out", "run");

        Assert.That(train.ExitCode, Is.Zero, train.Error);
        Assert.That(train.Lines[0], Is.EqualTo("data     garments, drawn, garments, drawn"));
        Assert.That(train.Lines[1], Is.EqualTo("decoding 28x28 grey images of 10 classes, 0.1 MB"));
        Assert.That(train.Output, Does.Contain("augmented, normalized"));
        var last = File.ReadAllLines(folder["run/metrics.csv"])[^1];
        Assert.That(last, Does.Contain(",\"garments, drawn\""));
        var cells = last.Split(',');

        // From elsewhere: the folder is kept as an absolute path.
        Directory.CreateDirectory(folder["elsewhere"]);
        using var eval = CudabnProcess.Run(folder["elsewhere"], "eval", Path.Combine("..", "run"));

        Assert.That(eval.ExitCode, Is.Zero, eval.Error);
        var (loss, accuracy) = (
            double.Parse(cells[3], CultureInfo.InvariantCulture), double.Parse(cells[4], CultureInfo.InvariantCulture));
        Assert.That(eval.Output, Does.Contain(string.Create(
            CultureInfo.InvariantCulture,
            $"test loss {loss:F6}, test accuracy {accuracy:F6} on 40 images of garments, drawn")));
        Assert.That(eval.Output, Does.Contain("T-shirt top").And.Not.Contain("trained on"));

        using var other = CudabnProcess.Run(folder[""], "eval", "run", "--data-set", "fashion-mnist", "--limit", "20");
        Assert.That(other.ExitCode, Is.Zero, other.Error);
        Assert.That(other.Output, Does.Contain("these weights were trained on garments, drawn"));
    }

    [Test]
    public void Train_ResNet18OnCifar10_WritesWhatEvalReads()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["cifar"]);
        foreach (var (name, bytes) in Cifar10Bytes.Small())
            File.WriteAllBytes(folder["cifar/" + name], bytes);

        using var train = CudabnProcess.Run(
            folder[""], "train", "--model", "resnet18", "--data-set", "cifar10", "--data", "cifar", "--epochs", "1",
            "--batch-size", "5", "--augment", "--normalize", "--out", "run");

        Assert.That(train.ExitCode, Is.Zero, train.Error);
        Assert.That(train.Output, Does.Contain("15 to train on, 4 to test on").And.Contain("ResNet-18"));
        using var eval = CudabnProcess.Run(folder[""], "eval", "run");
        Assert.That(eval.ExitCode, Is.Zero, eval.Error);
        Assert.That(eval.Output, Does.Contain("on 4 images of CIFAR-10").And.Contain("airplane"));
    }
}
