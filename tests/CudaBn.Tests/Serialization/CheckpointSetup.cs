namespace CudaBn.Tests.Serialization;

/// <summary>What a training in the tests of checkpoints is made of: a residual network with dropout on augmented images, five
/// batches of eight and a last one of four.</summary>
internal sealed record CheckpointSetup
{
    private static readonly ImageDataSplits _garments = DrawnGarments.Create(44, 12);

    public static IReadOnlyList<string> Recipes { get; } = ["Sgd", "Nesterov", "Adam", "AdamW"];

    public Func<Sequential, Optimizer> Optimizer { get; init; } = model => new Sgd(model.Parameters, 0.1);

    public LearningRateSchedule? Schedule { get; init; }

    public ScheduleInterval Interval { get; init; }

    public ImageDataset Images { get; init; } = _garments.Train;

    public ImageDataset TestImages { get; init; } = _garments.Test;

    public int Channels { get; init; } = 4;

    public double Dropout { get; init; } = 0.3;

    public double LabelSmoothing { get; init; } = 0.1;

    public ulong ModelSeed { get; init; } = 1;

    public ulong DataSeed { get; init; } = 3;

    public int BatchSize { get; init; } = 8;

    public bool DropLast { get; init; }

    public bool Shuffle { get; init; } = true;

    public Augmentation? Augmentation { get; init; } = new(2, horizontalFlip: true);

    public Normalization? Normalization { get; init; } = new([0.3], [0.3]);

    /// <summary>An optimizer with a schedule that suits it.</summary>
    public static CheckpointSetup Of(string recipe) => recipe switch
    {
        "Sgd" => new CheckpointSetup
        {
            // With dampening the first step is another than those after it.
            Optimizer = model => new Sgd(model.Parameters, 0.1, 0.9, dampening: 0.3, maxGradientNorm: 0.5),
            Schedule = LearningRateSchedule.Cosine(0.1, 18),
        },
        "Nesterov" => new CheckpointSetup
        {
            Optimizer = model => Sgd.OfGroups(
                ParameterGroup.WithoutDecayOnNorms(model, 0.01), 0.1, 0.9, nesterov: true),
            Schedule = LearningRateSchedule.From(number => 0.1 / (1 + number)),
            DropLast = true,
        },
        "Adam" => new CheckpointSetup
        {
            Optimizer = model => new Adam(model.Parameters, 0.01, weightDecay: 0.1),
            Schedule = LearningRateSchedule.Step(0.01, 1, 0.5),
            Interval = ScheduleInterval.Epoch,
        },
        "AdamW" => new CheckpointSetup
        {
            Optimizer = model => AdamW.OfGroups(
                ParameterGroup.WithoutDecayOnNorms(model, 0.1), maxGradientNorm: 1),
            Schedule = LearningRateSchedule.OneCycle(0.01, 12).WithWarmUp(4),
        },
        _ => throw new ArgumentOutOfRangeException(nameof(recipe), recipe, "There is no such recipe."),
    };

    public Sequential Model() => new(
        new Conv2d(1, Channels, 3, stride: 3, bias: false), new BatchNorm(Channels), new ReLU(),
        new Residual(new Sequential(
            new Conv2d(Channels, Channels, 3, padding: 1, bias: false), new BatchNorm(Channels, momentum: null))),
        new ReLU(), new MaxPool2d(3), new Flatten(), new Dropout(Dropout), new Linear(9 * Channels, 10));
}
