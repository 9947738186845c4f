using System.Globalization;
using System.Numerics;

namespace CudaBn.Serialization;

/// <summary>How far training is, as texts of a checkpoint.</summary>
/// <param name="StepsDone">The trainer's.</param>
/// <param name="EpochsDone">The trainer's.</param>
/// <param name="LearningRate">The optimizer's.</param>
/// <param name="NextEpoch">The loader's.</param>
/// <param name="Epoch">The loader's epoch under way, or the last one; null before the first.</param>
/// <param name="BatchesMade">The loader's.</param>
/// <param name="IsFitting">Whether that epoch is one that <see cref="Trainer.Fit"/> has begun and not ended.</param>
/// <param name="EpochSeconds">How long it was trained on.</param>
internal sealed record CheckpointPosition(
    long StepsDone, int EpochsDone, double LearningRate, int NextEpoch, int? Epoch, int BatchesMade, bool IsFitting,
    double EpochSeconds)
{
    private const string Steps = "checkpoint.steps_done";
    private const string Epochs = "checkpoint.epochs_done";
    private const string Rate = "checkpoint.learning_rate";
    private const string Next = "checkpoint.data.next_epoch";
    private const string Current = "checkpoint.data.epoch";
    private const string Batches = "checkpoint.data.batches_made";
    private const string Fitting = "checkpoint.epoch_under_way";
    private const string Seconds = "checkpoint.epoch_seconds";

    // Before the first epoch.
    private const string None = "none";

    public static CheckpointPosition Of(Trainer trainer, DataLoader train)
    {
        var isFitting = trainer.EpochUnderWay == train;
        return new CheckpointPosition(
            trainer.StepsDone, trainer.EpochsDone, trainer.Optimizer.LearningRate, train.NextEpoch, train.CurrentEpoch,
            train.BatchesMade, isFitting, isFitting ? trainer.SecondsInEpoch : 0);
    }

    public static bool IsKey(string key) =>
        key is Steps or Epochs or Rate or Next or Current or Batches or Fitting or Seconds;

    public void AddTo(Dictionary<string, string> texts)
    {
        texts.Add(Steps, Text(StepsDone));
        texts.Add(Epochs, Text(EpochsDone));
        texts.Add(Rate, Text(LearningRate));
        texts.Add(Next, Text(NextEpoch));
        texts.Add(Current, Epoch is { } epoch ? Text(epoch) : None);
        texts.Add(Batches, Text(BatchesMade));
        texts.Add(Fitting, IsFitting ? "1" : "0");
        texts.Add(Seconds, Text(EpochSeconds));
    }

    /// <exception cref="InvalidDataException">A text is missing, or no such number.</exception>
    public static CheckpointPosition Parse(IReadOnlyDictionary<string, string> texts, string path)
    {
        var current = texts.GetValueOrDefault(Current) == None ? null : (int?)Number<int>(Current);
        var isFitting = Number<int>(Fitting) != 0;
        if (isFitting && current is null)
            throw Fault(path, Current, "the epoch under way", None);
        return new CheckpointPosition(
            Number<long>(Steps), Number<int>(Epochs), Number<double>(Rate), Number<int>(Next), current,
            Number<int>(Batches), isFitting, Number<double>(Seconds));

        T Number<T>(string key)
            where T : struct, INumber<T>
        {
            var found = texts.GetValueOrDefault(key);
            return T.TryParse(found, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
                && value >= T.Zero && T.IsFinite(value)
                    ? value
                    : throw Fault(path, key, "a number of at least 0", found);
        }
    }

    private static InvalidDataException Fault(string path, string key, string expected, string? found) =>
        CheckpointFile.Fault(
            path, SafeTensorsHeaderParser.PrefixLength, $"{key} with {expected}",
            found is null ? "none" : $"'{BrokenFile.Escape(found)}'");

    private static string Text(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
