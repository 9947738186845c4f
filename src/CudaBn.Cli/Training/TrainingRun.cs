using CudaBn.Backends.Cuda;

namespace CudaBn.Cli;

/// <summary>One run of <c>cudabn train</c>: from the settings to a folder with metrics, pictures and weights.</summary>
/// <param name="settings">What it is asked for.</param>
/// <param name="resumed">The run that it goes on with; null for a new one.</param>
internal sealed class TrainingRun(TrainSettings settings, RunToResume? resumed = null)
{
    private readonly List<EpochRow> _rows = [];
    private int _stepsOfBrokenEpoch;

    /// <summary>Trains.</summary>
    /// <returns>The exit code.</returns>
    public int Execute()
    {
        using var interruption = new Interruption();
        var chosen = ChosenDevice.Open(settings.Device, settings.Threads);
        using var folder = resumed is null ? RunFolder.Claim(settings.Out) : RunFolder.Reopen(resumed.FolderPath);
        var data = DataAtHand.Open(settings.Data, settings.Model, interruption.Token);
        var normalization = settings.Normalizes ? Normalization.Of(data.Train) : null;
        // Kernels that this machine has not compiled yet shall not count as training.
        (chosen.Device.Backend as CudaBackend)?.WarmUp();
        using var model = settings.Model.Create(ImageShape.Of(data.Train), settings.NotebookInitialization);
        model.Initialize(chosen.Device, seed: settings.Seed);
        WriteHeading(chosen, data, model, folder);

        using var train = new DataLoader(
            data.Train, settings.Recipe.BatchSize, chosen.Device, shuffle: true, seed: settings.Seed,
            dropLast: settings.DropLastBatch && data.Train.Count > settings.Recipe.BatchSize,
            augmentation: settings.Augments ? AugmentationFor(data.Train) : null, normalization: normalization);
        using var test = new DataLoader(data.Test, settings.Recipe.BatchSize, chosen.Device, normalization: normalization);
        folder.Keep();
        var record = RunRecord.Of(settings.Model, settings.Data, data.Train, normalization);
        var wasInterrupted = !Train(model, train, test, data, folder, record, interruption.Token);
        WriteResults(model, data, folder, record);
        Report(data, folder, wasInterrupted);
        return wasInterrupted ? ExitCodes.Interrupted : ExitCodes.Done;
    }

    private static Augmentation AugmentationFor(ImageDataset images) =>
        new(Math.Min(images.Height, images.Width) / 8, horizontalFlip: true);

    private void WriteHeading(ChosenDevice chosen, ImageDataSplits data, Sequential model, RunFolder folder)
    {
        var weights = model.Parameters.Sum(parameter => parameter.Value.ElementCount);
        Terminal.WriteField("images", Text.Of($"{data.Train.Count:N0} to train on, {data.Test.Count:N0} to test on"));
        Terminal.WriteField("device", $"{chosen.Device.Description}; {chosen.Reason}");
        Terminal.WriteField("network", Text.Of(
            $"{settings.Model.Title()}, {weights:N0} weights, {(settings.NotebookInitialization ? "notebook" : "default")} start"));
        Terminal.WriteField("training", Text.Of(
            $"{settings.Epochs} epochs, {settings.Recipe}, ")
            + Text.Of($"seed {settings.Seed}{(settings.Augments ? ", augmented" : "")}")
            + (settings.Normalizes ? ", normalized" : ""));
        Terminal.WriteField("out", folder.FolderPath);
    }

    private bool Train(
        Sequential model,
        DataLoader train,
        DataLoader test,
        ImageDataSplits data,
        RunFolder folder,
        RunRecord record,
        CancellationToken cancellation)
    {
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = settings.Recipe.Optimizer(model);
        using var trainer = new Trainer(
            model, loss, optimizer, settings.Recipe.ScheduleOf((long)settings.Epochs * train.BatchCount));
        var checkpoints = new RunCheckpoints(folder, settings.Keep, trainer, train, _rows);
        Begin(checkpoints, trainer, train, folder, record with { Training = TrainingRecord.Of(settings, model.Device) });
        var notebook = new NotebookStatistics(model);
        var metrics = new MetricsCsv(folder.Metrics, data.Label(), settings.NotebookBug);
        metrics.Write(_rows);
        ITrainingDisplay display = Terminal.IsInteractive
            ? new TrainingTable(
                $"{settings.Model.Title()} on {data.Label()}", settings.Epochs, train.ImageCount, settings.NotebookBug)
            : new TrainingLines(settings.Epochs);
        try
        {
            display.During(() =>
            {
                _rows.ForEach(display.AddEarlier);
                if (trainer.EpochsDone == settings.Epochs)
                    return;
                var epochs = trainer.Fit(
                    train, test, settings.Epochs - trainer.EpochsDone, display, checkpoints.Every(settings.SaveEvery),
                    cancellation);
                foreach (var epoch in epochs)
                {
                    // Not to be cancelled: an epoch that has ended has a row.
                    var row = new EpochRow(
                        epoch, settings.NotebookBug ? notebook.Evaluate(() => trainer.Evaluate(test)) : null);
                    _rows.Add(row);
                    checkpoints.Save();
                    metrics.Write(_rows);
                    display.Add(row);
                }
            });
            return true;
        }
        catch (OperationCanceledException)
        {
            checkpoints.Save();
            _stepsOfBrokenEpoch = trainer.StepsInEpoch;
            return false;
        }
    }

    /// <summary>Leaves a checkpoint and a record in the folder, from which the run can be gone on with, before it
    /// trains.</summary>
    private void Begin(
        RunCheckpoints checkpoints, Trainer trainer, DataLoader train, RunFolder folder, RunRecord record)
    {
        if (resumed is null)
        {
            record.Write(folder.Record);
            checkpoints.Save();
            return;
        }

        var name = checkpoints.Restore();
        Terminal.WriteField(
            "resumed",
            Text.Of($"{name}: {trainer.EpochsDone} epochs are done, and {trainer.StepsInEpoch} of ")
            + Text.Of($"{train.BatchCount} steps of the next"));
        var (before, now) = (resumed.Settings.Device, trainer.Model.Device.ToString());
        if (before != now)
            Terminal.WriteField("note", $"the run was on {before}: on {now}, the last bits of its numbers become others");
        record.Write(folder.Record);
    }

    private void WriteResults(Sequential model, ImageDataSplits data, RunFolder folder, RunRecord record)
    {
        if (_rows.Count > 0)
            WritePictures(model, data, folder, record.Normalization);
        // Last: weights of so many epochs say that all else is there, too.
        model.Save(folder.Weights, new Dictionary<string, string>
        {
            ["network"] = Choices.Word(settings.Model),
            ["dataset"] = data.Label(),
            ["epochs"] = Text.Of($"{_rows.Count}"),
            [RunRecord.MetadataKey] = record.ToJson(),
        });
    }

    private void WritePictures(Sequential model, ImageDataSplits data, RunFolder folder, Normalization? normalization)
    {
        CurvesPicture.Write(folder.Curves, data.Label(), _rows);
        SamplesPicture.Write(folder.Samples, data, model, normalization);
        if (settings.NotebookBug)
            NotebookBugPicture.Write(folder.NotebookBug, data.Label(), _rows);
    }

    private void Report(ImageDataSplits data, RunFolder folder, bool wasInterrupted)
    {
        if (wasInterrupted)
            Console.WriteLine(
                Text.Of($"interrupted after {_rows.Count} of {settings.Epochs} epochs and {_stepsOfBrokenEpoch} steps of ")
                + $"the next; to go on: cudabn train --resume {Quoted(folder.FolderPath)}");
        if (_rows.Count > 0)
            Terminal.WriteField("result", Text.Of(
                $"test accuracy {_rows[^1].Metrics.TestAccuracy:F4} on {data.Label()} after epoch {_rows.Count}"));
        var names = new[] { folder.Metrics, folder.Curves, folder.Samples, folder.NotebookBug, folder.Weights, folder.Record }
            .Where(File.Exists).Select(Path.GetFileName);
        Terminal.WriteField("written", $"{folder.FolderPath}: {string.Join(", ", names)}");
    }

    // As a shell takes it.
    private static string Quoted(string path) => path.Contains(' ') ? $"\"{path}\"" : path;
}
