using System.Collections.Immutable;

namespace CudaBn.Serialization;

/// <summary>A checkpoint that was read as a whole and found undamaged.</summary>
internal sealed class CheckpointFile
{
    public const string VersionKey = TrainingDescription.Prefix + "version";
    private const string Version = "1";

    private readonly Dictionary<string, (SafeTensorsEntry Entry, byte[] Payload)> _tensors = [];
    private readonly IReadOnlyDictionary<string, string> _texts;

    private CheckpointFile(SafeTensorsReader reader)
    {
        (Path, _texts) = (reader.Path, reader.Metadata);
        RequireVersion();
        RequireHashLast(reader);
        using var hash = new CheckpointHash(_texts);
        foreach (var entry in reader.Entries[..^1])
        {
            var payload = Read(reader, entry);
            hash.Add(entry.Name, entry.DType, entry.Shape, payload);
            _tensors.Add(entry.Name, (entry, payload));
        }

        var last = reader.Entries[^1];
        if (!Read(reader, last).AsSpan().SequenceEqual(hash.Finish()))
            throw Fault(
                Path, last.Offset, "the SHA-256 of all that stands before it", "another: the file is damaged");
        Position = CheckpointPosition.Parse(_texts, Path);
    }

    public string Path { get; }

    public CheckpointPosition Position { get; }

    /// <summary>Parameters and running statistics of the model, under its own names.</summary>
    public IEnumerable<(TensorEntry Entry, byte[] Payload)> Model => _tensors.Values
        .Where(tensor => tensor.Entry.Name.StartsWith(CheckpointEntry.ModelPrefix, StringComparison.Ordinal))
        .Select(tensor => (
            (TensorEntry)(tensor.Entry with { Name = tensor.Entry.Name[CheckpointEntry.ModelPrefix.Length..] }), tensor.Payload));

    /// <summary>The texts that the caller gave, and the version of the library that wrote them.</summary>
    public IReadOnlyDictionary<string, string> CallersTexts =>
        _texts.Where(pair => !IsOwnKey(pair.Key)).ToImmutableSortedDictionary(StringComparer.Ordinal);

    /// <exception cref="InvalidDataException">The file is damaged, or no checkpoint.</exception>
    /// <exception cref="IOException">It does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read, or is a folder.</exception>
    public static CheckpointFile Read(string path)
    {
        using var reader = new SafeTensorsReader(path);
        return new CheckpointFile(reader);
    }

    public static void Write(
        string path, Trainer trainer, DataLoader train, IReadOnlyDictionary<string, string> callersTexts)
    {
        var texts = new Dictionary<string, string>(callersTexts);
        if (texts.Keys.FirstOrDefault(IsOwnKey) is { } taken)
            throw new ArgumentException(
                $"Checkpoint: the key '{taken}' is the checkpoint's own: expected one that does not start with "
                + $"'{TrainingDescription.Prefix}'.");
        texts.TryAdd(SavedState.VersionKey, SavedState.WriterVersion);
        texts.Add(VersionKey, Version);
        CheckpointPosition.Of(trainer, train).AddTo(texts);
        foreach (var (key, text) in TrainingDescription.Of(trainer, train))
            texts.Add(key, text);

        using var hash = new CheckpointHash(texts);
        SafeTensorsWriter.Write(
            path,
            [
                .. CheckpointEntry.Of(trainer).Select(entry => Source(entry, hash)),
                new TensorSource(
                    CheckpointHash.Name, CheckpointHash.DType, CheckpointHash.Shape, stream => stream.Write(hash.Finish())),
            ],
            texts);
    }

    /// <summary>Puts a training where the checkpoint says, if it is of this training.</summary>
    /// <exception cref="InvalidDataException">It is of another; nothing has changed.</exception>
    public void ApplyTo(Trainer trainer, DataLoader train, bool keepsLearningRate)
    {
        var entries = CheckpointEntry.Of(trainer);
        var faults = new CheckpointComparison(_texts, Position, _tensors.Values.Select(tensor => tensor.Entry))
            .Faults(trainer, train, entries, keepsLearningRate);
        if (faults.Count > 0)
            throw new InvalidDataException($"{Path}: no checkpoint of this training: {string.Join("; ", faults)}.");

        foreach (var entry in entries)
            entry.Write(_tensors[entry.Name].Payload);
        if (!keepsLearningRate)
            trainer.Optimizer.LearningRate = Position.LearningRate;
        var started = train.Restore(Position.NextEpoch, Position.Epoch, Position.BatchesMade);
        trainer.Restore(
            Position.StepsDone, Position.EpochsDone, Position.IsFitting ? train : null, started, Position.EpochSeconds);
    }

    /// <summary>What is wrong at a place of a file.</summary>
    public static InvalidDataException Fault(string path, long offset, string expected, string found) =>
        BrokenFile.At(path, offset, expected, found);

    private static TensorSource Source(CheckpointEntry entry, CheckpointHash hash) =>
        new(entry.Name, entry.DType, entry.Shape, stream =>
        {
            var payload = entry.Read();
            hash.Add(entry.Name, entry.DType, entry.Shape, payload);
            stream.Write(payload);
        });

    private static bool IsOwnKey(string key) => key.StartsWith(TrainingDescription.Prefix, StringComparison.Ordinal);

    private void RequireVersion()
    {
        if (_texts.GetValueOrDefault(VersionKey) is not Version and var found)
            throw Fault(
                Path, SafeTensorsHeaderParser.PrefixLength, $"a checkpoint of version {Version}",
                found is null ? "none" : $"version '{BrokenFile.Escape(found)}'");
    }

    private void RequireHashLast(SafeTensorsReader reader)
    {
        if (reader.Entries is not [.., { Name: CheckpointHash.Name, DType: CheckpointHash.DType } last]
            || !last.Shape.SequenceEqual(CheckpointHash.Shape))
            throw Fault(
                Path, SafeTensorsHeaderParser.PrefixLength,
                $"{CheckpointHash.Name}, {CheckpointHash.DType} [{CheckpointHash.Shape[0]}], as the last tensor",
                reader.Entries is [.., var other]
                    ? $"{BrokenFile.Escape(other.Name)}, {other.DType} {BrokenFile.Quote(other.Shape.AsSpan())}"
                    : "no tensor");
    }

    private byte[] Read(SafeTensorsReader reader, SafeTensorsEntry entry)
    {
        if (entry.Length > Array.MaxLength)
            throw Fault(
                Path, entry.Offset, $"a tensor of at most {Array.MaxLength} bytes",
                $"{BrokenFile.Escape(entry.Name)} of {entry.Length}");
        var payload = new byte[entry.Length];
        reader.Read(entry, payload);
        return payload;
    }
}
