using System.Text.Json;
using System.Text.Json.Serialization;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>history.json: what the report of a run needs of its past and metrics.csv does not hold, so that a run that is
/// resumed goes on with it.</summary>
/// <param name="Started">When the run began.</param>
/// <param name="BatchNorms">Every batch normalization with running statistics, in the order of the network.</param>
internal sealed record RunHistory(DateTimeOffset Started, IReadOnlyList<RunHistory.BatchNormName> BatchNorms)
{
    public const string FileName = "history.json";

    /// <summary>Epochs whose statistics are kept at most, the latest left out.</summary>
    public const int MostEpochs = 64;

    /// <summary>How long the run has taken: its trainings and evaluations, without the pauses between them.</summary>
    public double Seconds { get; set; }

    /// <summary>The statistics at the ends of epochs, in their order: of all epochs, or of every 2nd, 4th and so on and the
    /// latest, so that a long run keeps no more than <see cref="MostEpochs"/> and one.</summary>
    public List<EpochStatistics> Epochs { get; init; } = [];

    /// <summary>What the network said about the test images after the last epoch; null before one has ended.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TestOutcome? Outcome { get; set; }

    /// <summary>The history of a run that begins.</summary>
    public static RunHistory Begin(Layer model) => new(DateTimeOffset.Now, NamesOf(model));

    /// <summary>Reads a history.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">The network that it is of.</param>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="InvalidDataException">The file is broken, or of another network.</exception>
    public static RunHistory Load(string path, Layer model)
    {
        try
        {
            var history = JsonSerializer.Deserialize(File.ReadAllBytes(path), RunHistoryJson.Default.RunHistory)
                ?? throw new InvalidDataException($"{path}: expected the history of a run, found null.");
            history.Check(path, NamesOf(model));
            return history;
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{path}: expected the history of a run: {fault.Message}", fault);
        }
    }

    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path) =>
        AtomicFile.Write(path, stream => JsonSerializer.Serialize(stream, this, RunHistoryJson.Default.RunHistory));

    /// <summary>Adds the running statistics as they are now, at the end of an epoch. What was known of that epoch and later
    /// ones, as of a run that was resumed from before their end, is dropped.</summary>
    public void Add(int epoch, Layer model)
    {
        Epochs.RemoveAll(known => known.Epoch >= epoch);
        // The latest one was kept only for being that.
        var stride = StrideOf(epoch);
        Epochs.RemoveAll(known => known.Epoch % stride != 0);
        var norms = Tracked(model);
        Epochs.Add(new EpochStatistics(
            epoch,
            [.. norms.Select(norm => ToFloats(norm.Layer.RunningMean!))],
            [.. norms.Select(norm => ToFloats(norm.Layer.RunningVariance!))]));
    }

    /// <summary>Drops what is known of epochs that a run that is gone on with goes through again.</summary>
    /// <param name="epochs">How many it has behind it.</param>
    public void GoBackTo(int epochs)
    {
        Epochs.RemoveAll(known => known.Epoch > epochs);
        if (Outcome?.Epoch != epochs)
            Outcome = null;
    }

    private static int StrideOf(int epoch)
    {
        var stride = 1;
        while (epoch / stride > MostEpochs)
            stride *= 2;
        return stride;
    }

    private static List<BatchNormName> NamesOf(Layer model) =>
        [.. Tracked(model).Select(norm => new BatchNormName(norm.Path, norm.Layer.Channels))];

    private static (string Path, BatchNorm Layer)[] Tracked(Layer model) =>
        [.. model.PathsOfLayers()
            .Where(layer => layer.Layer is BatchNorm { TracksRunningStatistics: true })
            .Select(layer => (layer.Path, (BatchNorm)layer.Layer))];

    private static float[] ToFloats(Tensor statistic) =>
        Array.ConvertAll(statistic.ToDoubles(), value => (float)value);

    private void Check(string path, IReadOnlyList<BatchNormName> expected)
    {
        if (BatchNorms is null || !BatchNorms.SequenceEqual(expected))
            throw new InvalidDataException(
                $"{path}: batchNorms: expected {List(expected)}, those of the network, found {List(BatchNorms ?? [])}.");
        if (Epochs is null || Epochs.Contains(null!))
            throw new InvalidDataException($"{path}: epochs: expected a list of epochs, found null.");
        if (!(Seconds >= 0) || double.IsInfinity(Seconds))
            throw new InvalidDataException($"{path}: seconds: expected a finite number of at least 0, found {Seconds}.");
        var last = 0;
        foreach (var epoch in Epochs)
        {
            if (epoch.Epoch <= last)
                throw new InvalidDataException(
                    $"{path}: epochs: expected an epoch above {last}, found {epoch.Epoch}.");
            last = epoch.Epoch;
            Require(epoch, "means", epoch.Means);
            Require(epoch, "variances", epoch.Variances);
        }

        void Require(EpochStatistics epoch, string what, float[][]? values)
        {
            if (values is null || !values.Select(value => value?.Length ?? 0).SequenceEqual(expected.Select(norm => norm.Channels)))
                throw new InvalidDataException(
                    $"{path}: {what} of epoch {epoch.Epoch}: expected a number for each channel of {List(expected)}.");
        }
    }

    private static string List(IReadOnlyList<BatchNormName> norms) =>
        norms.Count == 0 ? "none" : string.Join(", ", norms.Select(norm => $"{norm.Name} of {norm.Channels} channels"));

    /// <summary>A batch normalization.</summary>
    /// <param name="Name">Its path in the network.</param>
    /// <param name="Channels">How many channels it has.</param>
    internal readonly record struct BatchNormName(string Name, int Channels);

    /// <summary>All running statistics at the end of an epoch.</summary>
    /// <param name="Epoch">From 1.</param>
    /// <param name="Means">The running mean of each channel of each batch normalization.</param>
    /// <param name="Variances">The running variances, likewise.</param>
    internal sealed record EpochStatistics(int Epoch, float[][] Means, float[][] Variances);
}
