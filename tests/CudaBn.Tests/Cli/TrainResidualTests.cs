using CudaBn.Tests.Data;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary><c>cudabn train --model resnet20</c> as a process.</summary>
[Parallelizable(ParallelScope.Self)]
public class TrainResidualTests
{
    private readonly TestFolder _folder = new();

    [OneTimeTearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Train_ThenEval_NeedsTheModelNamedOnce()
    {
        using var train = CudabnProcess.Run(
            _folder[""], "train", "--model", "resnet20", "--limit", "256", "--epochs", "1", "--schedule", "cosine",
            "--momentum", "0.5", "--out", "run");
        Assert.That(train.ExitCode, Is.Zero, train.Error);
        using var eval = CudabnProcess.Run(_folder[""], "eval", "run", "--limit", "256");
        Assert.That(eval.ExitCode, Is.Zero, eval.Error);

        Assert.Multiple(() =>
        {
            Assert.That(train.Output, Does.Contain("ResNet-20, 272,186 weights, default start"));
            Assert.That(train.Output, Does.Contain(
                "1 epochs, batches of 128, lr 0.1, momentum 0.5, weight decay 0.0001, cosine, seed 1"));
            Assert.That(eval.Output, Does.Match(@"test loss \d+\.\d{6}, test accuracy 0\.\d{6} on 256 images"));
        });
    }
}
