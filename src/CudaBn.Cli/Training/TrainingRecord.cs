using System.Globalization;
using System.Text.Json.Serialization;

namespace CudaBn.Cli;

/// <summary>What a run was asked for besides network and images: what <c>cudabn train --resume</c> trains with again. Part of
/// run.json.</summary>
/// <param name="Epochs">How many epochs in all.</param>
/// <param name="BatchSize">Images per batch.</param>
/// <param name="LearningRate">The learning rate; the greatest one of a schedule.</param>
/// <param name="Momentum">The weight of the momentum buffer.</param>
/// <param name="WeightDecay">The decay of weights.</param>
/// <param name="Schedule">The word of the schedule.</param>
/// <param name="Seed">Which first weights and orders.</param>
/// <param name="Init">The word of the first weights, notebook or default.</param>
/// <param name="LastBatch">What becomes of a last batch that is not full, drop or keep.</param>
/// <param name="Augment">Whether images are changed at random.</param>
/// <param name="Normalize">Whether images are normalized.</param>
/// <param name="Limit">How many images of each part are used; null for all.</param>
/// <param name="NotebookBug">Whether the notebook's statistics are evaluated, too.</param>
/// <param name="TensorBoard">Whether event files are written.</param>
/// <param name="Device">Where the run trained last: cpu or cuda:N.</param>
/// <param name="Threads">Threads of the CPU; null for all cores.</param>
/// <param name="SaveEvery">After how many steps a checkpoint is saved; null for the end of epochs only.</param>
/// <param name="Keep">How many checkpoints are kept.</param>
/// <param name="DetectAnomaly">Whether every step looks for values that are not finite.</param>
internal sealed record TrainingRecord(
    int Epochs,
    int BatchSize,
    double LearningRate,
    double Momentum,
    double WeightDecay,
    string Schedule,
    ulong Seed,
    string Init,
    string LastBatch,
    bool Augment,
    bool Normalize,
    int? Limit,
    bool NotebookBug,
    bool TensorBoard,
    string Device,
    int? Threads,
    int? SaveEvery,
    int Keep,
    bool DetectAnomaly = false)
{
    /// <summary>The words of --init and --last-batch.</summary>
    public const string NotebookInit = "notebook";
    public const string DefaultInit = "default";
    public const string DropLast = "drop";
    public const string KeepLast = "keep";

    /// <summary>Where the run was gone on with at another learning rate, in the order of steps; null for nowhere.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LearningRateChange>? LearningRateChanges { get; init; }

    public static TrainingRecord Of(TrainSettings settings, Device device) => new(
        settings.Epochs,
        settings.Recipe.BatchSize,
        settings.Recipe.LearningRate,
        settings.Recipe.Momentum,
        settings.Recipe.WeightDecay,
        Choices.Word(settings.Recipe.Schedule),
        settings.Seed,
        settings.NotebookInitialization ? NotebookInit : DefaultInit,
        settings.DropLastBatch ? DropLast : KeepLast,
        settings.Augments,
        settings.Normalizes,
        settings.Data.Limit,
        settings.NotebookBug,
        settings.TensorBoard,
        device.ToString(),
        settings.Threads,
        settings.SaveEvery,
        settings.Keep,
        settings.DetectsAnomalies)
    {
        LearningRateChanges = settings.Recipe.LearningRateChanges is { Count: > 0 } changes ? changes : null,
    };

    public ScheduleChoice ScheduleChoice => Choices.Of<ScheduleChoice>(Schedule)!.Value;

    /// <summary>The settings that lead to the same training again.</summary>
    /// <param name="run">The record that this is part of.</param>
    public TrainSettings SettingsOf(RunRecord run) => new(
        run.ModelChoice,
        run.DataSettings with { Limit = Limit },
        Epochs,
        new Recipe(BatchSize, LearningRate, Momentum, WeightDecay, ScheduleChoice)
        {
            LearningRateChanges = LearningRateChanges ?? [],
        },
        Seed,
        NotebookInitialization: Init == NotebookInit,
        DropLastBatch: LastBatch == DropLast,
        Augments: Augment,
        Normalizes: Normalize,
        Device,
        Threads,
        Out: null,
        NotebookBug,
        TensorBoard,
        SaveEvery,
        Keep,
        DetectsAnomalies: DetectAnomaly);

    /// <exception cref="InvalidDataException">A value is none that a run can have.</exception>
    public void Check(string path)
    {
        Require(Epochs >= 1, "epochs", "a number of at least 1", Epochs);
        Require(BatchSize >= 1, "batchSize", "a number of at least 1", BatchSize);
        Require(LearningRate >= 0 && double.IsFinite(LearningRate), "learningRate", "a number of at least 0", LearningRate);
        CheckChanges(path);
        Require(Momentum is >= 0 and < 1, "momentum", "a number from 0 to below 1", Momentum);
        Require(WeightDecay >= 0 && double.IsFinite(WeightDecay), "weightDecay", "a number of at least 0", WeightDecay);
        Require(
            Choices.Of<ScheduleChoice>(Schedule) is not null, "schedule", Choices.List<ScheduleChoice>(), Schedule);
        Require(Init is NotebookInit or DefaultInit, "init", Choices.List([NotebookInit, DefaultInit]), Init);
        Require(LastBatch is DropLast or KeepLast, "lastBatch", Choices.List([DropLast, KeepLast]), LastBatch);
        Require(Limit is null or >= 1, "limit", "null or a number of at least 1", Limit);
        Require(!string.IsNullOrEmpty(Device), "device", "cpu or cuda:N", Device);
        Require(Threads is null or >= 1, "threads", "null or a number of at least 1", Threads);
        Require(SaveEvery is null or >= 1, "saveEvery", "null or a number of at least 1", SaveEvery);
        Require(Keep >= 1, "keep", "a number of at least 1", Keep);

        void Require(bool isFit, string name, string expected, object? found)
        {
            if (!isFit)
                throw new InvalidDataException(
                    $"{path}: training.{name}: expected {expected}, found "
                    + $"'{Convert.ToString(found, CultureInfo.InvariantCulture)}'.");
        }
    }

    private void CheckChanges(string path)
    {
        long last = -1;
        foreach (var change in LearningRateChanges ?? [])
        {
            if (change is null || change.Step <= last || !(change.LearningRate >= 0) || double.IsInfinity(change.LearningRate))
                throw new InvalidDataException(Text.Of(
                    $"{path}: training.learningRateChanges: expected a step above {last} and a learning rate of at least 0, found ")
                    + (change is null ? "null." : Text.Of($"{change.Step} and {change.LearningRate}.")));
            last = change.Step;
        }
    }
}
