using System.Globalization;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary><c>cudabn train --device cuda</c> prints what <c>--device cpu</c> prints.</summary>
public class TrainOnCudaTests
{
    [Test]
    public void Metrics_AreThoseOfTheCpu()
    {
        CudaUnderTest.Open();
        using var folder = new TemporaryFolder();
        var expected = Metrics(folder, "cpu");
        var actual = Metrics(folder, "cuda");
        foreach (var column in new[] { "train_loss", "train_accuracy", "test_loss", "test_accuracy" })
            Assert.That(actual[column], Is.EqualTo(expected[column]).Within(1e-4), column);
    }

    [Test]
    public void Processes_ThatCompileAtOnce_ShareTheCache()
    {
        CudaUnderTest.Open();
        using var folder = new TemporaryFolder();
        var cache = folder["kernels"];
        var runs = Enumerable.Range(0, 3)
            .Select(i => Task.Run(() => Metrics(folder, "cuda", $"run{i}", cache, images: 64))).ToArray();
        Task.WaitAll(runs);
        foreach (var run in runs)
            Assert.That(run.Result["train_loss"], Is.EqualTo(runs[0].Result["train_loss"]));
        var files = Directory.GetFiles(cache).Select(file => Path.GetExtension(file)).ToArray();
        Assert.That(files, Has.Length.GreaterThan(5).And.All.EqualTo(".cubin"), "whole files only");
    }

    private static Dictionary<string, double> Metrics(TemporaryFolder folder, string device) =>
        Metrics(folder, device, device, cache: "off", images: 512);

    private static Dictionary<string, double> Metrics(
        TemporaryFolder folder, string device, string run, string cache, int images)
    {
        // As in this process, which chose the device under test: other commands are kept from seeing it.
        var environment = new Dictionary<string, string?>
        {
            ["CUDABN_CUDA_PATH"] = Environment.GetEnvironmentVariable("CUDABN_CUDA_PATH"),
            ["CUDABN_CACHE"] = cache,
            ["CUDA_VISIBLE_DEVICES"] = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES"),
        };
        using var train = CudabnProcess.RunWith(
            folder[""], environment, "train", "--device", device, "--limit", $"{images}", "--epochs", "1", "--out", run);
        Assert.That(train.ExitCode, Is.Zero, train.Error);
        var lines = File.ReadAllLines(folder[$"{run}/metrics.csv"]);
        return lines[0].Split(',').Zip(lines[1].Split(','))
            .Where(cell => cell.First != "dataset")
            .ToDictionary(cell => cell.First, cell => double.Parse(cell.Second, CultureInfo.InvariantCulture));
    }
}
