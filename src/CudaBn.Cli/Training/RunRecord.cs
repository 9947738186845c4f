using System.Text.Json;
using System.Text.Json.Serialization;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>run.json: what must be known of a run besides its weights, to use them and to go on with it, so that nothing has to
/// be typed again.</summary>
/// <param name="Model">The word of the network.</param>
/// <param name="DataSet">The word of the data set.</param>
/// <param name="Data">The folder named by --data, absolute; null where none was.</param>
/// <param name="ImageSize">What the images of a folder were brought to, HEIGHTxWIDTH; null for the size they had.</param>
/// <param name="Color">The word of what the images of a folder were read as.</param>
/// <param name="Channels">Channels of the images that the network takes.</param>
/// <param name="Height">Their rows.</param>
/// <param name="Width">Their columns.</param>
/// <param name="Classes">The name of each class, by label.</param>
/// <param name="Means">The mean of each channel that was subtracted; null where images were not normalized.</param>
/// <param name="Stds">The standard deviation of each channel that was divided by; null likewise.</param>
internal sealed record RunRecord(
    string Model,
    string DataSet,
    string? Data,
    string? ImageSize,
    string Color,
    int Channels,
    int Height,
    int Width,
    string[] Classes,
    double[]? Means,
    double[]? Stds)
{
    public const string FileName = "run.json";

    private static readonly RunRecordJson _onOneLine =
        new(new JsonSerializerOptions(RunRecordJson.Default.Options) { WriteIndented = false });

    /// <summary>How the run is trained; null where that is not kept, as within weights.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TrainingRecord? Training { get; init; }

    /// <summary>The SHA-256 of the images that the run is tested on; null where it is not kept.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? TestImages { get; init; }

    /// <summary>The key under which weights carry the record among their texts.</summary>
    public const string MetadataKey = "run";

    public static RunRecord Of(
        ModelChoice model, DataSettings data, ImageDataset images, Normalization? normalization) => new(
        Choices.Word(model),
        Choices.Word(data.Set),
        data.Folder is null ? null : Path.GetFullPath(data.Folder),
        data.ImageSize?.ToString(),
        Choices.Word(data.Color),
        images.Channels,
        images.Height,
        images.Width,
        [.. images.ClassNames],
        normalization?.Means.ToArray(),
        normalization?.Stds.ToArray());

    /// <summary>Reads the record that lies beside weights; null where there is none.</summary>
    /// <exception cref="InvalidDataException">It is broken.</exception>
    public static RunRecord? Beside(string weights)
    {
        var path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(weights))!, FileName);
        if (Path.GetFileName(weights) != RunFolder.WeightsName || !File.Exists(path))
            return null;

        return Parse(File.ReadAllText(path), path);
    }

    /// <summary>Reads a record.</summary>
    /// <param name="text">JSON.</param>
    /// <param name="path">The file that it stands in, for messages.</param>
    /// <exception cref="InvalidDataException">It is broken.</exception>
    public static RunRecord Parse(string text, string path)
    {
        try
        {
            var record = JsonSerializer.Deserialize(text, RunRecordJson.Default.RunRecord)
                ?? throw new InvalidDataException($"{path}: expected what a run was asked for, found null.");
            record.Check(path);
            return record;
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{path}: expected what a run was asked for: {fault.Message}", fault);
        }
    }

    /// <summary>The images that the network takes.</summary>
    public ImageShape Shape => new(Channels, Height, Width, Classes.Length);

    public ModelChoice ModelChoice => Choices.Of<ModelChoice>(Model)!.Value;

    /// <summary>The images that the run was given.</summary>
    public DataSettings DataSettings => new(
        Choices.Of<DataSetChoice>(DataSet)!.Value, Data, Options.ParseSize(ImageSize), Choices.Of<ImageColor>(Color)!.Value,
        Limit: null);

    /// <summary>What the images were normalized by; null where they were not.</summary>
    public Normalization? Normalization => Means is null ? null : new Normalization(Means, Stds!);

    /// <summary>The record as JSON on one line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, _onOneLine.RunRecord);

    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Write(string path) =>
        AtomicFile.Write(path, stream => JsonSerializer.Serialize(stream, this, RunRecordJson.Default.RunRecord));

    private void Check(string path)
    {
        Require<ModelChoice>("model", Model);
        Require<DataSetChoice>("dataSet", DataSet);
        Require<ImageColor>("color", Color);
        if (ImageSize is not null && Options.ParseSize(ImageSize) is null)
            throw new InvalidDataException($"{path}: imageSize: expected HEIGHTxWIDTH, found '{ImageSize}'.");
        if (Channels < 1 || Height < 1 || Width < 1)
            throw new InvalidDataException(
                $"{path}: channels, height, width: expected positive numbers, found {Channels}, {Height} and {Width}.");
        if (Classes is not { Length: > 0 and <= ImageFolder.MostClasses } || Classes.Contains(null!))
            throw new InvalidDataException(
                $"{path}: classes: expected 1 to {ImageFolder.MostClasses} names, found {Classes?.Length ?? 0}.");
        if (Means is not null && Means.Length != Channels)
            throw new InvalidDataException($"{path}: means: expected {Channels} numbers, found {Means.Length}.");
        if (Means is null != Stds is null)
            throw new InvalidDataException($"{path}: expected means and stds, found one without the other.");
        Training?.Check(path);
        try
        {
            _ = Normalization;
        }
        catch (ArgumentException fault)
        {
            throw new InvalidDataException($"{path}: {fault.Message}", fault);
        }

        void Require<T>(string name, string? word)
            where T : struct, Enum
        {
            if (Choices.Of<T>(word) is null)
                throw new InvalidDataException($"{path}: {name}: expected {Choices.List<T>()}, found '{word}'.");
        }
    }
}
