using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>A run that <c>cudabn train --resume</c> names: where it is, and what it was asked for.</summary>
/// <param name="FolderPath">The run's folder.</param>
/// <param name="Settings">What it was asked for.</param>
/// <param name="TestImages">The SHA-256 of the images that it was tested on; null where that was not kept.</param>
internal sealed record RunToResume(string FolderPath, TrainSettings Settings, string? TestImages = null)
{
    /// <exception cref="UsageException">The name is blank.</exception>
    /// <exception cref="IOException">There is no such folder, or no run in it.</exception>
    /// <exception cref="UnauthorizedAccessException">The run may not be read.</exception>
    /// <exception cref="InvalidDataException">Its record is broken, or of a run that cannot be gone on with.</exception>
    public static RunToResume Find(string folder)
    {
        if (string.IsNullOrWhiteSpace(folder))
            throw new UsageException("--resume: expected the folder of a run, got a blank.");
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"--resume {folder}: there is no such folder.");
        var path = Path.Combine(folder, RunRecord.FileName);
        var record = RunRecord.Parse(Read(path, folder), path);
        var training = record.Training ?? throw new InvalidDataException(
            $"{path}: expected how the run was trained, found none: an earlier version wrote it, without checkpoints.");
        return new RunToResume(folder, training.SettingsOf(record), record.TestImages);
    }

    /// <summary>Whether so many epochs are done and all is written: the weights, which are written last, are of the last
    /// epoch.</summary>
    public bool IsFinishedAfter(int epochs)
    {
        var weights = Path.Combine(FolderPath, RunFolder.WeightsName);
        if (!File.Exists(weights))
            return false;
        try
        {
            using var reader = new SafeTensorsReader(weights);
            return reader.Metadata.GetValueOrDefault("epochs") == Text.Of($"{epochs}");
        }
        catch (InvalidDataException)
        {
            // Damaged weights are written anew.
            return false;
        }
    }

    /// <summary>The settings to go on with: those of the run, but for what was asked for otherwise.</summary>
    /// <param name="given">What stands beside --resume on the command line.</param>
    /// <exception cref="UsageException">An option contradicts the run.</exception>
    public TrainSettings SettingsWith(GivenOptions given)
    {
        if (given.TryGet("--out", out var output))
            throw new UsageException($"--out {output}: expected none beside --resume, which goes on in {FolderPath}.");
        foreach (var (option, expected) in Fixed())
            given.RequireAgreement(option, expected, FolderPath);
        if (given.TryGet("--data", out var data) && string.IsNullOrWhiteSpace((string?)data))
            throw new UsageException("--data: expected a folder, got a blank.");
        return Settings with
        {
            Epochs = given.TryGet("--epochs", out var epochs) ? Extended((int)epochs!) : Settings.Epochs,
            Data = data is null ? Settings.Data : Settings.Data with { Folder = (string)data },
            Device = given.TryGet("--device", out var device) ? (string)device! : Settings.Device,
            Threads = given.TryGet("--threads", out var threads) ? (int?)threads : Settings.Threads,
            SaveEvery = given.TryGet("--save-every", out var steps) ? (int?)steps : Settings.SaveEvery,
            Keep = given.TryGet("--keep", out var keep) ? (int)keep! : Settings.Keep,
            TensorBoard = Settings.TensorBoard || (given.TryGet("--tensorboard", out var logs) && (bool)logs!),
            DetectsAnomalies = given.TryGet("--detect-anomaly", out var detects) ? (bool)detects! : Settings.DetectsAnomalies,
        };
    }

    /// <exception cref="InvalidDataException">The run was tested on other images, so that its epochs could not be
    /// compared.</exception>
    public void RequireTestImages(ImageDataset images)
    {
        if (TestImages is not null && TestImages != images.Sha256)
            throw new InvalidDataException(
                $"--resume {FolderPath}: expected the images that the run was tested on, of SHA-256 {TestImages}, found others in "
                + $"{images.Name}, of {images.Sha256}.");
    }

    // In a folder of another user, every file seems to be missing until it is opened.
    private static string Read(string record, string folder)
    {
        try
        {
            return File.ReadAllText(record);
        }
        catch (FileNotFoundException fault)
        {
            throw new FileNotFoundException(
                $"--resume {folder}: holds no {RunRecord.FileName}: expected the folder of a run that had begun to train.", fault);
        }
    }

    private int Extended(int epochs)
    {
        if (epochs < Settings.Epochs)
            throw new UsageException(Text.Of(
                $"--epochs {epochs}: expected at least the {Settings.Epochs} that {FolderPath} was started with."));
        if (epochs > Settings.Epochs && Settings.Recipe.Schedule != ScheduleChoice.Constant)
            throw new UsageException(
                Text.Of($"--epochs {epochs}: expected the {Settings.Epochs} of {FolderPath}, over which its schedule, ")
                + $"{Choices.Word(Settings.Recipe.Schedule)}, is spread.");
        return epochs;
    }

    // What decides on the outcome, by option.
    private IEnumerable<(string Option, object? Value)> Fixed() =>
    [
        ("--model", Choices.Word(Settings.Model)),
        ("--data-set", Choices.Word(Settings.Data.Set)),
        ("--image-size", Settings.Data.ImageSize),
        ("--color", Choices.Word(Settings.Data.Color)),
        ("--limit", Settings.Data.Limit),
        ("--batch-size", Settings.Recipe.BatchSize),
        ("--momentum", Settings.Recipe.Momentum),
        ("--weight-decay", Settings.Recipe.WeightDecay),
        ("--schedule", Choices.Word(Settings.Recipe.Schedule)),
        ("--seed", Settings.Seed),
        ("--init", Settings.NotebookInitialization ? TrainingRecord.NotebookInit : TrainingRecord.DefaultInit),
        ("--last-batch", Settings.DropLastBatch ? TrainingRecord.DropLast : TrainingRecord.KeepLast),
        ("--augment", Settings.Augments),
        ("--normalize", Settings.Normalizes),
        ("--notebook-bug", Settings.NotebookBug),
    ];
}
