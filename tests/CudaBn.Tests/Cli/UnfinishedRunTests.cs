using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>Runs without weights of their own, which their checkpoints hold.</summary>
public class UnfinishedRunTests
{
    private const int Epochs = 2;

    private TemporaryFolder _home = null!;

    [OneTimeSetUp]
    public void Train()
    {
        _home = new TemporaryFolder();
        ResumableRuns.WriteImages(_home);
        using var train = CudabnProcess.Run(_home[""], ResumableRuns.Train("run", Epochs));
        Assert.That(train.ExitCode, Is.Zero, train.Error);
        // As a process leaves it that is killed just before.
        File.Move(_home["run/model.safetensors"], _home["weights.safetensors"]);
    }

    [OneTimeTearDown]
    public void Remove() => _home.Dispose();

    private static string Newest => $"checkpoint-{Epochs * ResumableRuns.StepsPerEpoch}.safetensors";

    [Test]
    public void Eval_OfTheRunOrItsCheckpoint_ReproducesTheLastEpoch([Values] bool isFile)
    {
        File.Copy(_home[$"run/checkpoints/{Newest}"], _home["moved.safetensors"], overwrite: true);
        using var eval = CudabnProcess.Run(_home[""], "eval", isFile ? "moved.safetensors" : "run");
        Assert.That(eval.ExitCode, Is.Zero, eval.Error);
        var cells = File.ReadAllLines(_home["run/metrics.csv"])[^1].Split(',');
        var (loss, accuracy) = (Number(cells[3]), Number(cells[4]));
        Assert.That(eval.Output, Does.Contain(string.Create(
            CultureInfo.InvariantCulture, $"test loss {loss:F6}, test accuracy {accuracy:F6} on 30 images")));
        Assert.That(eval.Error, Is.EqualTo(isFile
            ? ""
            : $"cudabn: note: run holds no model.safetensors: its weights are those of run/checkpoints/{Newest}.\n"));
    }

    [Test]
    public void Predict_OfTheRun_NamesTheCheckpoint()
    {
        var image = Directory.GetFiles(_home[$"{ResumableRuns.Images}/test"], "*.png", SearchOption.AllDirectories)[0];
        using var predict = CudabnProcess.Run(_home[""], "predict", image, "--weights", "run", "--json");
        Assert.That(predict.ExitCode, Is.Zero, predict.Error);
        using var json = JsonDocument.Parse(predict.Output);
        Assert.That(json.RootElement.GetProperty("weights").GetString(), Is.EqualTo($"run/checkpoints/{Newest}"));
        Assert.That(json.RootElement.GetProperty("predictions").GetArrayLength(), Is.EqualTo(1));
    }

    [Test]
    public void Predict_OfNoRunInParticular_TakesTheNewestThatHasTrained()
    {
        var image = Directory.GetFiles(_home[$"{ResumableRuns.Images}/test"], "*.png", SearchOption.AllDirectories)[0];
        var (before, trained) = ("checkpoint-0.safetensors", $"checkpoint-{ResumableRuns.StepsPerEpoch}.safetensors");
        using var home = new TemporaryFolder();
        Directory.CreateDirectory(home["runs/empty"]);
        CopyOfDay(9, $"run/checkpoints/{before}", $"runs/begun/checkpoints/{before}");
        using (var predict = CudabnProcess.Run(home[""], "predict", image))
        {
            Assert.That(predict.ExitCode, Is.EqualTo(2));
            Assert.That(predict.Error, Does.Match(@"\Acudabn: --weights: expected a run .*\n\z"));
        }

        CopyOfDay(1, "weights.safetensors", "runs/finished/model.safetensors");
        CopyOfDay(1, "run/run.json", "runs/finished/run.json");
        AssertWeights("runs/finished/model.safetensors", "");

        CopyOfDay(2, $"run/checkpoints/{before}", $"runs/killed/checkpoints/{before}");
        CopyOfDay(3, $"run/checkpoints/{trained}", $"runs/killed/checkpoints/{trained}");
        var killed = $"runs/killed/checkpoints/{trained}";
        var note = $"cudabn: note: runs/killed holds no model.safetensors: its weights are those of {killed}.\n";
        AssertWeights(killed, note);

        CopyOfDay(4, "run/run.json", $"runs/killed/checkpoints/{Newest}");
        AssertWeights(killed, $"cudabn: warning: runs/killed/checkpoints/{Newest}: byte ", note);

        // A run whose checkpoints are all damaged is not one.
        File.Delete(home[killed]);
        File.Delete(home[$"runs/killed/checkpoints/{before}"]);
        AssertWeights("runs/finished/model.safetensors", $"cudabn: warning: runs/killed/checkpoints/{Newest}: byte ");

        void CopyOfDay(int day, string from, string to)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(home[to])!);
            File.Copy(_home[from], home[to]);
            File.SetLastWriteTimeUtc(home[to], new DateTime(2026, 1, day, 0, 0, 0, DateTimeKind.Utc));
        }

        void AssertWeights(string weights, params string[] errors)
        {
            using var predict = CudabnProcess.Run(home[""], "predict", image, "--json");
            Assert.That(predict.ExitCode, Is.Zero, predict.Error);
            using var json = JsonDocument.Parse(predict.Output);
            Assert.That(json.RootElement.GetProperty("weights").GetString(), Is.EqualTo(weights));
            Assert.That(
                predict.Error, Does.Match($@"\A{string.Concat(errors.Select(error => error.EndsWith('\n') || error.Length == 0
                    ? Regex.Escape(error)
                    : $"{Regex.Escape(error)}.*\n"))}\z"));
        }
    }

    [Test]
    public void Export_OfTheRun_WritesTheModel()
    {
        using var export = CudabnProcess.Run(_home[""], "export", "run", "model.onnx");
        Assert.That(export.ExitCode, Is.Zero, export.Error);
        Assert.That(new FileInfo(_home["model.onnx"]).Length, Is.GreaterThan(100_000));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Windows has no signals to send.")]
    public void Eval_OfAKilledRunWhoseNewestIsDamaged_TakesTheOneBefore()
    {
        using (var train = CudabnProcess.Start(_home[""], ResumableRuns.Train("killed", 100_000)))
        {
            train.WaitUntil(() => ResumableRuns.NewestStep(_home["killed"]) > ResumableRuns.StepsPerEpoch);
            Assert.That(train.Kill(), Is.True);
        }

        var newest = ResumableRuns.NewestStep(_home["killed"]);
        File.WriteAllText(_home[$"killed/checkpoints/checkpoint-{newest}.safetensors"], "damaged");
        using var eval = CudabnProcess.Run(_home[""], "eval", "killed");
        Assert.That(eval.ExitCode, Is.Zero, eval.Error);
        Assert.That(eval.Error, Does.StartWith("cudabn: warning: killed/checkpoints/").And.Contain(
            $"its weights are those of killed/checkpoints/checkpoint-{newest - ResumableRuns.StepsPerEpoch}.safetensors."));
    }

    [Test]
    public void Eval_OfARunStoppedByANaN_TakesTheLastGoodCheckpoint()
    {
        using (var train = CudabnProcess.Run(
            _home[""], "train", "--limit", "200", "--batch-size", "50", "--lr", "1e30", "--init", "default", "--out", "stopped"))
            Assert.That(train.ExitCode, Is.EqualTo(3), train.Error);
        using var eval = CudabnProcess.Run(_home[""], "eval", "stopped", "--limit", "50");
        Assert.That(eval.ExitCode, Is.Zero, eval.Error);
        Assert.That(eval.Output, Does.Contain("on 50 images").And.Contain("checkpoint-0.safetensors"));
        Assert.That(eval.Output, Does.Not.Contain("NaN"));
    }

    [Test]
    public void Eval_OfARunWithNothing_SaysWhatIsMissing()
    {
        Directory.CreateDirectory(_home["nothing"]);
        using var eval = CudabnProcess.Run(_home[""], "eval", "nothing");
        Assert.That(eval.ExitCode, Is.EqualTo(1));
        Assert.That(eval.Error, Is.EqualTo("cudabn: nothing: holds no model.safetensors, and no checkpoint.\n"));
    }

    private static double Number(string cell) => double.Parse(cell, CultureInfo.InvariantCulture);
}
