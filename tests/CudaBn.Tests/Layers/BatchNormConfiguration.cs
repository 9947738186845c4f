namespace CudaBn.Tests.Layers;

/// <summary>How a batch normalization of a configuration runs.</summary>
public enum BatchNormMode
{
    Training,
    Evaluation,
    Frozen,
    TrainingWithoutStatistics,
    EvaluationWithoutStatistics,
}

/// <summary>What stands behind a batch normalization.</summary>
public enum BatchNormTailKind
{
    Nothing,
    ReLU,

    /// <summary>Of the input.</summary>
    Addition,
    AdditionAndReLU,
}

/// <summary>One way of using the layer.</summary>
/// <param name="Batch">Images.</param>
/// <param name="Channels">C.</param>
/// <param name="Spatial">The other sizes of the input; none for a matrix.</param>
/// <param name="ChannelsLast">Whether the channel is the last axis.</param>
/// <param name="Mode">How it runs.</param>
/// <param name="Affine">Whether there are gamma and beta.</param>
/// <param name="FixGamma">Whether gamma is fixed.</param>
/// <param name="Momentum">The weight of the new batch, or null.</param>
/// <param name="Unbiased">Which variance is stored.</param>
/// <param name="VirtualBatchSize">Images that are normalized together, or null.</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="Mean">Of the input.</param>
/// <param name="Seed">Of the numbers.</param>
/// <param name="Tail">What stands behind.</param>
public sealed record BatchNormConfiguration(
    int Batch,
    int Channels,
    IReadOnlyList<int> Spatial,
    bool ChannelsLast,
    BatchNormMode Mode,
    bool Affine,
    bool FixGamma,
    double? Momentum,
    bool Unbiased,
    int? VirtualBatchSize,
    double Epsilon,
    double Mean,
    int Seed,
    BatchNormTailKind Tail = BatchNormTailKind.Nothing)
{
    public Shape Shape => ChannelsLast ? new([Batch, .. Spatial, Channels]) : new([Batch, Channels, .. Spatial]);

    public bool UsesRunningStatistics => Mode is BatchNormMode.Evaluation or BatchNormMode.Frozen;

    public bool TracksStatistics =>
        Mode is not (BatchNormMode.TrainingWithoutStatistics or BatchNormMode.EvaluationWithoutStatistics);

    /// <summary>Images that are normalized together in this mode.</summary>
    public int GroupSize => Mode is BatchNormMode.Training or BatchNormMode.TrainingWithoutStatistics
        ? VirtualBatchSize ?? Batch
        : Batch;

    /// <summary>The same numbers in the same order as [n, c, s]: rows of channels where these come last.</summary>
    public (int N, int C, int S) View => ChannelsLast
        ? (Batch * Positions, Channels, 1)
        : (Batch, Channels, Positions);

    /// <summary>Rows of <see cref="View"/> that an image takes.</summary>
    public int RowsPerImage => ChannelsLast ? Positions : 1;

    /// <summary>Values that a channel has in the smallest group.</summary>
    public int LeastValues => ((Batch - 1) % GroupSize + 1) * Positions;

    public bool Adds => Tail is BatchNormTailKind.Addition or BatchNormTailKind.AdditionAndReLU;

    public bool Rectifies => Tail is BatchNormTailKind.ReLU or BatchNormTailKind.AdditionAndReLU;

    private int Positions => Spatial.Aggregate(1, (product, size) => product * size);

    public BatchNorm CreateLayer() => new(
        Channels, Epsilon, Momentum, Affine, Unbiased, channelsLast: ChannelsLast,
        trackRunningStatistics: TracksStatistics, virtualBatchSize: VirtualBatchSize, fixGamma: FixGamma)
    {
        FreezeStatistics = Mode == BatchNormMode.Frozen,
        IsTraining = Mode is not (BatchNormMode.Evaluation or BatchNormMode.EvaluationWithoutStatistics),
    };

    /// <summary>The layer with what stands behind.</summary>
    public Layer WithTail(BatchNorm layer) => Tail switch
    {
        BatchNormTailKind.ReLU => new Sequential(layer, new ReLU()),
        BatchNormTailKind.Addition => new Residual(layer),
        BatchNormTailKind.AdditionAndReLU => new Sequential(new Residual(layer), new ReLU()),
        _ => layer,
    };

    public override string ToString() =>
        $"{Shape} {(ChannelsLast ? "channels last" : "channels first")} {Mode} affine {Affine} fixed {FixGamma} momentum "
        + $"{Momentum?.ToString() ?? "null"} unbiased {Unbiased} virtual {VirtualBatchSize?.ToString() ?? "no"} epsilon {Epsilon} "
        + $"mean {Mean} seed {Seed} tail {Tail}";
}
