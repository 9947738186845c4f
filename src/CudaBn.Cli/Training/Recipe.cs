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
    public Sgd Optimizer(Sequential model) =>
        Sgd.OfGroups(ParameterGroup.WithoutDecayOnNorms(model, WeightDecay), LearningRate, Momentum);

    /// <summary>The schedule of so many steps; null where the learning rate stays.</summary>
    public LearningRateSchedule? ScheduleOf(long steps) => Schedule switch
    {
        ScheduleChoice.Constant => null,
        ScheduleChoice.Cosine => LearningRateSchedule.Cosine(LearningRate, steps),
        ScheduleChoice.OneCycle => LearningRateSchedule.OneCycle(LearningRate, steps),
        _ => throw new InvalidOperationException($"There is no schedule {Schedule}."),
    };

    public override string ToString()
    {
        var text = Text.Of($"batches of {BatchSize}, lr {LearningRate}");
        if (Momentum != 0)
            text += Text.Of($", momentum {Momentum}");
        if (WeightDecay != 0)
            text += Text.Of($", weight decay {WeightDecay}");
        return Schedule == ScheduleChoice.Constant ? text : $"{text}, {Choices.Word(Schedule)}";
    }
}
