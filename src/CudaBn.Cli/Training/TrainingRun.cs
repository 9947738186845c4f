using CudaBn.Backends.Cuda;

namespace CudaBn.Cli;

/// <summary>One run of <c>cudabn train</c>: from the settings to a folder with metrics, pictures and weights.</summary>
/// <param name="settings">What it is asked for.</param>
/// <param name="resumed">The run that it goes on with; null for a new one.</param>
/// <param name="resumedRate">The learning rate that it goes on at; null for its own.</param>
internal sealed class TrainingRun(TrainSettings settings, RunToResume? resumed = null, double? resumedRate = null)
{
    private readonly List<EpochRow> _rows = [];
    private int _stepsOfBrokenEpoch;

    /// <summary>Trains.</summary>
    /// <returns>The exit code.</returns>
    public int Execute()
    {
        using var interruption = new Interruption();
        Terminal.OutliveOutput();
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
        var record = RunRecord.Of(settings.Model, settings.Data, data.Train, normalization) with
        {
            TestImages = data.Test.Sha256,
        };
        using var observers = Observers(RunDescription.Of(settings, chosen, data, model, folder), folder, model, train, test);
        try
        {
            var wasInterrupted = !Train(model, train, test, data, folder, record, observers, interruption.Token);
            WriteResults(model, data, folder, record, observers, wasInterrupted);
            Report(data, folder, wasInterrupted);
            return interruption.Token.IsCancellationRequested ? ExitCodes.Interrupted : ExitCodes.Done;
        }
        catch (NonFiniteException fault)
        {
            return Stop(fault, data, folder, observers);
        }
    }

    /// <summary>Says what happened, what is kept and what to try. The weights are not written over those of before: running
    /// statistics have seen values that are not finite.</summary>
    private int Stop(NonFiniteException fault, ImageDataSplits data, RunFolder folder, RunObservers observers)
    {
        if (_rows.Count > 0)
            folder.TryWrite(
                Path.GetFileName(folder.Curves), () => CurvesPicture.Write(folder.Curves, data.Label(), _rows),
                Console.Error.WriteLine);
        try
        {
            observers.End(_rows, RunEnding.Stopped(fault));
        }
        catch (IOException obstacle)
        {
            Console.Error.WriteLine($"cudabn: warning: {folder.FolderPath}: {obstacle.Message}");
        }

        var kept = string.Join(", ", folder.Names());
        Console.Error.WriteLine(
            $"cudabn: training stopped: {fault.Message} Kept in {folder.FolderPath}: {kept}; "
            + Text.Of($"whole epochs: {_rows.Count}.{string.Concat(Remedies(fault, folder).Select(remedy => $" {remedy}"))}"));
        return ExitCodes.NotFinite;
    }

    private IEnumerable<string> Remedies(NonFiniteException fault, RunFolder folder)
    {
        if (!settings.Normalizes)
            yield return "A new run with --normalize may not come to this.";
        if (!settings.DetectsAnomalies)
            yield return "--detect-anomaly looks at every layer in every step.";
        var rate = settings.Recipe.LearningRateAfter(fault.Step - 1);
        // Images that are not finite are so at any rate. Last, without a point: to be copied.
        if (rate > 0 && fault.Origin != NonFiniteOrigin.Input
            && new CheckpointFolder(folder.Checkpoints).Files is [var newest, ..])
            yield return
                $"To go on from {Path.GetFileName(newest)} at a tenth of the learning rate: "
                + Text.Of($"cudabn train --resume {Quoted(folder.FolderPath)} --lr {rate / 10:G3}");
    }

    private static Augmentation AugmentationFor(ImageDataset images) =>
        new(Math.Min(images.Height, images.Width) / 8, horizontalFlip: true);

    private RunObservers Observers(
        RunDescription run, RunFolder folder, Sequential model, DataLoader train, DataLoader test)
    {
        var report = new RunReport(run, folder, model, train, test);
        return settings.TensorBoard
            ? new RunObservers(folder, report, new TensorBoardLog(folder, model, train))
            : new RunObservers(folder, report);
    }

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
        RunObservers observers,
        CancellationToken cancellation)
    {
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = settings.Recipe.Optimizer(model);
        using var trainer = new Trainer(
            model, loss, optimizer, settings.Recipe.ScheduleOf((long)settings.Epochs * train.BatchCount))
        {
            DetectAnomalies = settings.DetectsAnomalies,
        };
        var checkpoints = new RunCheckpoints(folder, settings.Keep, trainer, train, _rows, record);
        Begin(checkpoints, trainer, train, test.Dataset, folder, record);
        observers.Begin(settings.Recipe, trainer, loss, optimizer, _rows);
        var notebook = new NotebookStatistics(model);
        var metrics = MetricsAt(folder.Metrics, data);
        folder.Write(() => metrics.Write(_rows));
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
                    train, test, settings.Epochs - trainer.EpochsDone, observers.Beside(display),
                    settings.SaveEvery is { } steps ? new CheckpointInterval(steps, Save) : null, cancellation);
                foreach (var epoch in epochs)
                {
                    // Not to be cancelled: an epoch that has ended has a row.
                    var row = new EpochRow(
                        epoch, settings.NotebookBug ? notebook.Evaluate(() => trainer.Evaluate(test)) : null);
                    _rows.Add(row);
                    // Before the checkpoint: what is done then is not done again by a run that goes on from it.
                    observers.EpochEnded(_rows, display.Warn);
                    Save();
                    folder.TryWrite("metrics.csv", () => metrics.Write(_rows), display.Warn);
                    display.Add(row);
                }
            });
            return true;
        }
        catch (OperationCanceledException)
        {
            Save();
            _stepsOfBrokenEpoch = trainer.StepsInEpoch;
            return false;
        }

        void Save()
        {
            observers.Saving(display.Warn);
            folder.TryWrite(
                "the checkpoint",
                () =>
                {
                    // Without it, a folder that was made again would not be one to go on with.
                    if (!File.Exists(folder.Record))
                        WriteRecord(record, folder, model.Device);
                    checkpoints.Save();
                },
                display.Warn);
        }
    }

    /// <summary>Leaves a checkpoint and a record in the folder, from which the run can be gone on with, before it
    /// trains.</summary>
    private void Begin(
        RunCheckpoints checkpoints, Trainer trainer, DataLoader train, ImageDataset test, RunFolder folder, RunRecord record)
    {
        if (resumed is null)
        {
            folder.Write(() => WriteRecord(record, folder, trainer.Model.Device));
            folder.Write(checkpoints.Save);
            return;
        }

        // The record knows which learning rate is due at which step: the newest checkpoint may be of before the last change.
        var name = checkpoints.Restore(
            keepsLearningRate: resumedRate is not null || settings.Recipe.LearningRateChanges.Count > 0);
        resumed.RequireTestImages(test);
        Terminal.WriteField(
            "resumed",
            Text.Of($"{name}: {trainer.EpochsDone} epochs are done, and {trainer.StepsInEpoch} of ")
            + Text.Of($"{train.BatchCount} steps of the next"));
        var (before, now) = (resumed.Settings.Device, trainer.Model.Device.ToString());
        if (before != now)
            Terminal.WriteField("note", $"the run was on {before}: on {now}, the last bits of its numbers become others");
        if (resumed.Settings.DetectsAnomalies != settings.DetectsAnomalies)
            Terminal.WriteField(
                "note",
                $"the run was {Looking(resumed.Settings)}: {Looking(settings)}, the last bits of its numbers become others");
        if (resumedRate is { } rate && trainer.EpochsDone < settings.Epochs)
            ChangeLearningRate(rate, trainer, train);
        folder.Write(() => WriteRecord(record, folder, trainer.Model.Device));
    }

    private void ChangeLearningRate(double rate, Trainer trainer, DataLoader train)
    {
        var before = settings.Recipe.LearningRateAfter(trainer.StepsDone);
        settings = settings with { Recipe = settings.Recipe.ChangedAfter(trainer.StepsDone, rate) };
        trainer.Schedule = settings.Recipe.ScheduleOf((long)settings.Epochs * train.BatchCount);
        if (rate != before)
            Terminal.WriteField("lr", Text.Of($"{rate} in place of {before} from step {trainer.StepsDone + 1} on"));
    }

    private void WriteRecord(RunRecord record, RunFolder folder, Device device) =>
        (record with { Training = TrainingRecord.Of(settings, device) }).Write(folder.Record);

    private void WriteResults(
        Sequential model, ImageDataSplits data, RunFolder folder, RunRecord record, RunObservers observers, bool wasInterrupted)
    {
        try
        {
            folder.Write(() =>
            {
                WriteRecord(record, folder, model.Device);
                // Once more, should the folder have been made again since the last epoch.
                MetricsAt(folder.Metrics, data).Write(_rows);
                if (_rows.Count > 0)
                    WritePictures(model, data, folder, record.Normalization);
                observers.End(_rows, wasInterrupted ? RunEnding.Interrupted : RunEnding.Finished);
                // Last: weights of so many epochs say that all else is there, too.
                SaveWeights(model, data, record, folder.Weights);
            });
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new IOException(
                $"{folder.FolderPath} cannot be written: {fault.Message.TrimEnd('.')}. {Rescue(model, data, record)}", fault);
        }
    }

    /// <summary>Puts weights that took long to train where they can be put.</summary>
    /// <returns>A sentence that says where they are.</returns>
    private string Rescue(Sequential model, ImageDataSplits data, RunRecord record)
    {
        try
        {
            var rescued = Directory.CreateTempSubdirectory("cudabn-rescued-").FullName;
            SaveWeights(model, data, record, Path.Combine(rescued, RunFolder.WeightsName));
            MetricsAt(Path.Combine(rescued, "metrics.csv"), data).Write(_rows);
            return $"Weights and metrics are in {rescued} instead.";
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return $"Nor can the weights be saved elsewhere: {fault.Message}";
        }
    }

    private MetricsCsv MetricsAt(string path, ImageDataSplits data) => new(path, data.Label(), settings.NotebookBug);

    private void SaveWeights(Sequential model, ImageDataSplits data, RunRecord record, string path) =>
        model.Save(path, new Dictionary<string, string>
        {
            ["network"] = Choices.Word(settings.Model),
            ["dataset"] = data.Label(),
            ["epochs"] = Text.Of($"{_rows.Count}"),
            // How they were trained does not change what they are.
            [RunRecord.MetadataKey] = record.ToJson(),
        });

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
        var names = new[]
        {
            folder.Metrics, folder.Curves, folder.Samples, folder.NotebookBug, folder.Weights, folder.Record, folder.Report,
            folder.TensorBoard,
        }.Where(Path.Exists).Select(Path.GetFileName);
        Terminal.WriteField("written", $"{folder.FolderPath}: {string.Join(", ", names)}");
    }

    private static string Looking(TrainSettings settings) =>
        settings.DetectsAnomalies ? "with --detect-anomaly" : "without --detect-anomaly";

    // As a shell takes it.
    private static string Quoted(string path) => path.Contains(' ') ? $"\"{path}\"" : path;
}
