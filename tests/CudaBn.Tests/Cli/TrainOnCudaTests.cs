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

    private static Dictionary<string, double> Metrics(TemporaryFolder folder, string device)
    {
        // As in this process, which chose the device under test: other commands are kept from seeing it.
        var environment = new Dictionary<string, string?>
        {
            ["CUDABN_CUDA_PATH"] = Environment.GetEnvironmentVariable("CUDABN_CUDA_PATH"),
            ["CUDABN_CACHE"] = "off",
            ["CUDA_VISIBLE_DEVICES"] = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES"),
        };
        using var train = CudabnProcess.RunWith(
            folder[""], environment, "train", "--device", device, "--limit", "512", "--epochs", "1", "--out", device);
        Assert.That(train.ExitCode, Is.Zero, train.Error);
        var lines = File.ReadAllLines(folder[$"{device}/metrics.csv"]);
        return lines[0].Split(',').Zip(lines[1].Split(','))
            .Where(cell => cell.First != "dataset")
            .ToDictionary(cell => cell.First, cell => double.Parse(cell.Second, CultureInfo.InvariantCulture));
    }
}
