namespace CudaBn.Cli;

/// <summary>How a network is trained: by SGD on the mean loss of a batch.</summary>
/// <param name="BatchSize">Images per batch.</param>
/// <param name="LearningRate">The learning rate; the greatest one of a schedule.</param>
/// <param name="Momentum">The weight of the momentum buffer.</param>
/// <param name="WeightDecay">The decay of weights; biases and batch normalizations do not decay.</param>
/// <param name="Schedule">How the learning rate changes from step to step.</param>
internal sealed record Recipe(
    int BatchSize, double LearningRate, double Momentum, double WeightDecay, ScheduleChoice Schedule)
{
    /// <summary>Where the run was gone on with at another learning rate, in the order of steps.</summary>
    public IReadOnlyList<LearningRateChange> LearningRateChanges { get; init; } = [];

    public Sgd Optimizer(Sequential model) =>
        Sgd.OfGroups(ParameterGroup.WithoutDecayOnNorms(model, WeightDecay), LearningRate, Momentum);

    /// <summary>The learning rate after so many steps; the greatest one of a schedule.</summary>
    public double LearningRateAfter(long steps) => PartAt(steps) is > 0 and var part
        ? LearningRateChanges[part - 1].LearningRate
        : LearningRate;

    /// <summary>The same up to a step, and from there on at another learning rate.</summary>
    /// <param name="step">After how many steps. Changes that came later are forgotten: training has gone back.</param>
    /// <param name="learningRate">The learning rate.</param>
    public Recipe ChangedAfter(long step, double learningRate)
    {
        var earlier = this with { LearningRateChanges = [.. LearningRateChanges.Where(change => change.Step < step)] };
        return earlier.LearningRateAfter(step) == learningRate
            ? earlier
            : earlier with { LearningRateChanges = [.. earlier.LearningRateChanges, new(step, learningRate)] };
    }

    /// <summary>The schedule of so many steps; null where the learning rate stays.</summary>
    public LearningRateSchedule? ScheduleOf(long steps)
    {
        if (LearningRateChanges.Count == 0)
            return Schedule == ScheduleChoice.Constant ? null : ScheduleOf(LearningRate, steps);
        LearningRateSchedule[] parts =
        [
            ScheduleOf(LearningRate, steps), .. LearningRateChanges.Select(change => ScheduleOf(change.LearningRate, steps)),
        ];
        return LearningRateSchedule.From(number => parts[PartAt(number)].At(number));
    }

    public override string ToString()
    {
        var text = Text.Of($"batches of {BatchSize}, lr {LearningRate}");
        foreach (var change in LearningRateChanges)
            text += Text.Of($", {change.LearningRate} after step {change.Step}");
        if (Momentum != 0)
            text += Text.Of($", momentum {Momentum}");
        if (WeightDecay != 0)
            text += Text.Of($", weight decay {WeightDecay}");
        return Schedule == ScheduleChoice.Constant ? text : $"{text}, {Choices.Word(Schedule)}";
    }

    private LearningRateSchedule ScheduleOf(double learningRate, long steps) => Schedule switch
    {
        ScheduleChoice.Constant => LearningRateSchedule.From(_ => learningRate),
        ScheduleChoice.Cosine => LearningRateSchedule.Cosine(learningRate, steps),
        ScheduleChoice.OneCycle => LearningRateSchedule.OneCycle(learningRate, steps),
        _ => throw new InvalidOperationException($"There is no schedule {Schedule}."),
    };

    // How many changes came before: 0 before the first.
    private int PartAt(long steps)
    {
        var part = 0;
        while (part < LearningRateChanges.Count && LearningRateChanges[part].Step <= steps)
            part++;
        return part;
    }
}
