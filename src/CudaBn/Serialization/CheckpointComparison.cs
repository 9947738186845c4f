using System.Globalization;

namespace CudaBn.Serialization;

/// <summary>Finds everything in which a checkpoint and a training differ.</summary>
/// <param name="texts">The checkpoint's texts.</param>
/// <param name="position">How far it is.</param>
/// <param name="found">Its tensors.</param>
internal sealed class CheckpointComparison(
    IReadOnlyDictionary<string, string> texts, CheckpointPosition position, IEnumerable<SafeTensorsEntry> found)
{
    // A schedule is worked out anew, maybe by another processor's cosine.
    private const double RateTolerance = 1e-9;

    // Of long texts, what surrounds the first difference.
    private const int ExcerptLength = 60;

    private const string TensorsOfOptimizer = "optimizer.";

    public List<string> Faults(
        Trainer trainer, DataLoader train, IReadOnlyList<CheckpointEntry> entries, bool keepsLearningRate)
    {
        var expected = TrainingDescription.Of(trainer, train);
        if (trainer.Schedule is { } schedule && expected.ContainsKey(TrainingDescription.NextRate))
            expected[TrainingDescription.NextRate] = Rate(schedule.At(
                trainer.Interval == ScheduleInterval.Step ? position.StepsDone : position.EpochsDone));
        List<string> faults = [];
        // Another optimizer keeps other things: naming each says nothing more.
        var isSameOptimizer = texts.GetValueOrDefault(TrainingDescription.Optimizer) == trainer.Optimizer.Name;
        CompareTexts(expected, isSameOptimizer, keepsLearningRate, faults);
        if (position.BatchesMade > train.BatchCount)
            faults.Add($"{position.BatchesMade} batches of the epoch were made, expected at most {train.BatchCount}");
        CompareTensors(entries, isSameOptimizer, faults);
        return faults;
    }

    private void CompareTexts(
        Dictionary<string, string> expected, bool isSameOptimizer, bool keepsLearningRate, List<string> faults)
    {
        foreach (var (key, text) in expected)
        {
            if (!IsCompared(key))
                continue;
            if (!texts.TryGetValue(key, out var other))
                faults.Add($"{key} is missing");
            else if (!(key == TrainingDescription.NextRate ? IsSameRate(other, text) : other == text))
                faults.Add(
                    $"{key} is {Excerpt(other, text)}, expected {Excerpt(text, other)}"
                    + (key == TrainingDescription.DataHash ? ": the images or labels are others" : ""));
        }

        faults.AddRange(texts.Keys
            .Where(key => key.StartsWith(TrainingDescription.Prefix, StringComparison.Ordinal)
                && !expected.ContainsKey(key) && !CheckpointPosition.IsKey(key) && key != CheckpointFile.VersionKey
                && IsCompared(key))
            .Order(StringComparer.Ordinal).Select(key => $"{BrokenFile.Escape(key)} is unexpected"));

        bool IsCompared(string key) =>
            (isSameOptimizer || !IsOfOptimizer(key))
            && !(keepsLearningRate && key is TrainingDescription.Schedule or TrainingDescription.NextRate);
    }

    private void CompareTensors(IReadOnlyList<CheckpointEntry> entries, bool isSameOptimizer, List<string> faults)
    {
        var byName = found.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
        foreach (var entry in entries.Where(entry => IsCompared(entry.Name)))
        {
            if (!byName.Remove(entry.Name, out var other))
                faults.Add($"{entry.Name} is missing");
            else if (other.DType != entry.DType || !other.Shape.SequenceEqual(entry.Shape))
                faults.Add(
                    $"{entry.Name} is {other.DType} [{string.Join(", ", other.Shape)}], expected {entry.DType} "
                    + $"[{string.Join(", ", entry.Shape)}]");
        }

        faults.AddRange(byName.Keys.Where(IsCompared).Order(StringComparer.Ordinal)
            .Select(name => $"{BrokenFile.Escape(name)} is unexpected"));

        bool IsCompared(string name) =>
            isSameOptimizer || !name.StartsWith(TensorsOfOptimizer, StringComparison.Ordinal);
    }

    private static bool IsOfOptimizer(string key) =>
        key.StartsWith(TrainingDescription.Optimizer + ".", StringComparison.Ordinal);

    private static bool IsSameRate(string found, string expected) =>
        double.TryParse(found, NumberStyles.Float, CultureInfo.InvariantCulture, out var rate)
        && Math.Abs(rate - double.Parse(expected, CultureInfo.InvariantCulture))
            <= RateTolerance * Math.Max(Math.Abs(rate), double.Epsilon);

    private static string Rate(double rate) => rate.ToString(CultureInfo.InvariantCulture);

    private static string Excerpt(string text, string other)
    {
        if (text.Length <= ExcerptLength)
            return $"'{BrokenFile.Escape(text)}'";
        var start = Math.Max(0, text.AsSpan().CommonPrefixLength(other) - ExcerptLength / 3);
        var end = Math.Min(text.Length, start + ExcerptLength);
        return $"'{(start > 0 ? "..." : "")}{BrokenFile.Escape(text[start..end])}{(end < text.Length ? "..." : "")}'";
    }
}
