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

    [Test]
    [Platform(Exclude = "Win", Reason = "Windows has no signals to send.")]
    public void Resume_AfterASignal_EqualsARunThatNeverEnded()
    {
        CudaUnderTest.Open();
        using var home = new TemporaryFolder();
        ResumableRuns.WriteImages(home);
        var environment = EnvironmentWith(home["kernels"]);
        using (var whole = Start("whole"))
        {
            whole.Wait();
            Assert.That(whole.ExitCode, Is.Zero, whole.Error);
        }

        using (var train = Start("run"))
        {
            // In the second epoch, when steps are replayed already.
            train.WaitUntil(() => ResumableRuns.NewestStep(home["run"]) > ResumableRuns.StepsPerEpoch + 2);
            train.Signal("TERM");
            train.Wait();
            Assert.That(train.ExitCode, Is.EqualTo(130), train.Error);
        }

        Assert.That(ResumableRuns.NewestStep(home["run"]), Is.LessThan(3 * ResumableRuns.StepsPerEpoch));
        using var resume = CudabnProcess.RunWith(home[""], environment, "train", "--resume", "run");
        Assert.That(resume.ExitCode, Is.Zero, resume.Error);
        Assert.That(resume.Output, Does.Contain("resumed  checkpoint-"));
        ResumableRuns.AssertSame(home["run"], home["whole"]);

        CudabnProcess Start(string run) => CudabnProcess.StartWith(
            home[""], environment, ResumableRuns.Train(run, epochs: 3, "--device", "cuda", "--save-every", "1"));
    }

    private static Dictionary<string, double> Metrics(TemporaryFolder folder, string device) =>
        Metrics(folder, device, device, cache: "off", images: 512);

    private static Dictionary<string, double> Metrics(
        TemporaryFolder folder, string device, string run, string cache, int images)
    {
        using var train = CudabnProcess.RunWith(
            folder[""], EnvironmentWith(cache), "train", "--device", device, "--limit", $"{images}", "--epochs", "1", "--out", run);
        Assert.That(train.ExitCode, Is.Zero, train.Error);
        var lines = File.ReadAllLines(folder[$"{run}/metrics.csv"]);
        return lines[0].Split(',').Zip(lines[1].Split(','))
            .Where(cell => cell.First != "dataset")
            .ToDictionary(cell => cell.First, cell => double.Parse(cell.Second, CultureInfo.InvariantCulture));
    }

    // As in this process, which chose the device under test: other commands are kept from seeing it.
    private static Dictionary<string, string?> EnvironmentWith(string cache) => new()
    {
        ["CUDABN_CUDA_PATH"] = Environment.GetEnvironmentVariable("CUDABN_CUDA_PATH"),
        ["CUDABN_CACHE"] = cache,
        ["CUDA_VISIBLE_DEVICES"] = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES"),
    };
}
