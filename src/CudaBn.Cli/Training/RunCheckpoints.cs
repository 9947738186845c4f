using System.Text.Json;

namespace CudaBn.Cli;

/// <summary>The checkpoints of a run: the training and the epochs behind it.</summary>
internal sealed class RunCheckpoints(
    RunFolder folder, int keep, Trainer trainer, DataLoader train, List<EpochRow> rows, RunRecord record)
{
    // Among the free-form texts of a checkpoint.
    private const string RowsKey = "cudabn_epochs";

    private readonly CheckpointFolder _files = new(folder.Checkpoints, keep);

    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="NonFiniteException">Something in the training is NaN or infinite.</exception>
    public void Save() => _files.Save(trainer, train, new Dictionary<string, string>
    {
        [RowsKey] = JsonSerializer.Serialize(rows, EpochRowsJson.Default.ListEpochRow),
        // So that the weights within can be used, also where they are moved.
        [RunRecord.MetadataKey] = record.ToJson(),
    });

    /// <summary>Puts training and epochs where the newest checkpoint was saved that is not damaged. Says which, and warns of
    /// those that are.</summary>
    /// <param name="keepsLearningRate">Whether the learning rate is the trainer's, not the checkpoint's.</param>
    /// <returns>The checkpoint.</returns>
    /// <exception cref="IOException">There is none.</exception>
    /// <exception cref="InvalidDataException">All are damaged, or of another training.</exception>
    public string Restore(bool keepsLearningRate)
    {
        var restored = _files.LoadNewest(trainer, train, keepsLearningRate) ?? throw new FileNotFoundException(
            $"--resume {folder.FolderPath}: holds no checkpoint: the run ended before its first was written. Start it anew.");
        var name = Path.GetFileName(restored.Path);
        foreach (var warning in restored.Warnings)
            Console.Error.WriteLine(
                $"cudabn: warning: {warning.ReplaceLineEndings(" ").TrimEnd('.')}; going on from {name}.");
        rows.AddRange(RowsIn(restored));
        return name;
    }

    private List<EpochRow> RowsIn(RestoredCheckpoint restored)
    {
        try
        {
            if (restored.Metadata.TryGetValue(RowsKey, out var text)
                && JsonSerializer.Deserialize(text, EpochRowsJson.Default.ListEpochRow) is { } saved
                && saved.Count == trainer.EpochsDone)
                return saved;
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{restored.Path}: {RowsKey}: {fault.Message}", fault);
        }

        throw new InvalidDataException(
            $"{restored.Path}: {RowsKey}: expected the metrics of {trainer.EpochsDone} epochs: another program wrote this "
            + "checkpoint.");
    }
}
