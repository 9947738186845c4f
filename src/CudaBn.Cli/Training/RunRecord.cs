using System.Text.Json;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>run.json: what <c>cudabn eval</c> must know of a run besides its weights, so that nothing has to be typed
/// again.</summary>
/// <param name="Model">The word of the network.</param>
/// <param name="DataSet">The word of the data set.</param>
/// <param name="Data">The folder named by --data, absolute; null where none was.</param>
/// <param name="ImageSize">What the images of a folder were brought to, HEIGHTxWIDTH; null for the size they had.</param>
/// <param name="Color">The word of what the images of a folder were read as.</param>
/// <param name="Means">The mean of each channel that was subtracted; null where images were not normalized.</param>
/// <param name="Stds">The standard deviation of each channel that was divided by; null likewise.</param>
internal sealed record RunRecord(
    string Model, string DataSet, string? Data, string? ImageSize, string Color, double[]? Means, double[]? Stds)
{
    public const string FileName = "run.json";

    public static RunRecord Of(ModelChoice model, DataSettings data, Normalization? normalization) => new(
        Choices.Word(model),
        Choices.Word(data.Set),
        data.Folder is null ? null : Path.GetFullPath(data.Folder),
        data.ImageSize?.ToString(),
        Choices.Word(data.Color),
        normalization?.Means.ToArray(),
        normalization?.Stds.ToArray());

    /// <summary>Reads the record that lies beside weights; null where there is none.</summary>
    /// <exception cref="InvalidDataException">It is broken.</exception>
    public static RunRecord? Beside(string weights)
    {
        var path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(weights))!, FileName);
        if (Path.GetFileName(weights) != RunFolder.WeightsName || !File.Exists(path))
            return null;

        try
        {
            var record = JsonSerializer.Deserialize(File.ReadAllBytes(path), RunRecordJson.Default.RunRecord)
                ?? throw new InvalidDataException($"{path}: expected what a run was asked for, found null.");
            record.Check(path);
            return record;
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{path}: expected what a run was asked for: {fault.Message}", fault);
        }
    }

    public ModelChoice ModelChoice => Choices.Of<ModelChoice>(Model)!.Value;

    /// <summary>The images that the run was given.</summary>
    public DataSettings DataSettings => new(
        Choices.Of<DataSetChoice>(DataSet)!.Value, Data, Options.ParseSize(ImageSize), Choices.Of<ImageColor>(Color)!.Value,
        Limit: null);

    /// <summary>What the images were normalized by; null where they were not.</summary>
    public Normalization? Normalization => Means is null ? null : new Normalization(Means, Stds!);

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
        if (Means is null != Stds is null)
            throw new InvalidDataException($"{path}: expected means and stds, found one without the other.");
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
