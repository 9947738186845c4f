namespace CudaBn.Cli;

/// <summary>One plain line per epoch, for files, pipes and dumb terminals.</summary>
internal sealed class TrainingLines(int epochs) : ITrainingDisplay
{
    public void During(Action training) => training();

    public void Report(TrainingProgress value)
    {
    }

    // Its line was written then.
    public void AddEarlier(EpochRow row)
    {
    }

    public void Add(EpochRow row)
    {
        var epoch = row.Metrics;
        string[] parts =
        [
            Text.Of($"epoch {epoch.Epoch}/{epochs}: train loss {epoch.TrainLoss:F4}"),
            Text.Of($"train accuracy {epoch.TrainAccuracy:F4}"),
            Text.Of($"test loss {epoch.TestLoss:F4}"),
            Text.Of($"test accuracy {epoch.TestAccuracy:F4}"),
            Text.Of($"{epoch.Seconds:F2} s"),
            Text.Of($"{epoch.ImagesPerSecond:F0} images/s"),
        ];
        if (row.NotebookBug is { } bug)
            parts =
            [
                .. parts,
                Text.Of($"notebook's statistics: test loss {bug.Loss:F4}, test accuracy {bug.Accuracy:F4}"),
            ];
        Console.WriteLine(string.Join(", ", parts));
    }
}
