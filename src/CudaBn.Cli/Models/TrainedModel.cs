using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>The weights of a run or of a file, and what has to be known of them to use them. A run says it in its
/// run.json, and the weights that it wrote carry the same within them, so that they can be moved.</summary>
internal sealed class TrainedModel
{
    private readonly ModelChoice? _asked;

    private TrainedModel(string path, ModelChoice? asked, RunRecord? record) =>
        (WeightsPath, _asked, Record) = (path, asked, record);

    public string WeightsPath { get; }

    /// <summary>What is known of the run; null for weights of another origin.</summary>
    public RunRecord? Record { get; }

    public ModelChoice Choice => _asked ?? Record?.ModelChoice ?? ModelChoice.Notebook;

    /// <summary>What was done to the images in training; null for nothing.</summary>
    public Normalization? Normalization => Record?.Normalization;

    /// <summary>Finds weights; reads no tensor.</summary>
    /// <param name="runOrFile">The folder of a run, or a file with weights.</param>
    /// <param name="asked">The network that the user names; null for that of the run.</param>
    /// <exception cref="UsageException">The text is blank.</exception>
    /// <exception cref="IOException">There is no such folder or file, or the folder holds no weights.</exception>
    /// <exception cref="InvalidDataException">The weights or the record of the run are broken.</exception>
    public static TrainedModel Find(string runOrFile, ModelChoice? asked = null)
    {
        var path = RunWeights.At(runOrFile);
        return new TrainedModel(path, asked, RunRecord.Beside(path) ?? RecordWithin(path));
    }

    /// <summary>The images that the network takes, and its classes.</summary>
    /// <exception cref="UsageException">Nothing says what they are.</exception>
    public ImageShape Shape => Record?.Shape ?? (Choice == ModelChoice.Notebook
        ? ImageShape.OfNotebook
        : throw new UsageException(
            $"{WeightsPath}: no {RunRecord.FileName} lies beside it, so the images that it takes are not known."));

    /// <summary>The name of each class, by label.</summary>
    /// <exception cref="UsageException">Nothing says what they are.</exception>
    public IReadOnlyList<string> ClassNames => Record?.Classes ?? (Choice == ModelChoice.Notebook
        ? FashionMnist.ClassNames
        : throw new UsageException(
            $"{WeightsPath}: no {RunRecord.FileName} lies beside it, so the names of its classes are not known."));

    /// <summary>Makes the network with these weights, ready for evaluation.</summary>
    /// <param name="device">Where it shall live.</param>
    /// <param name="shape">The images that it shall take: <see cref="Shape"/> unless they are known from elsewhere.</param>
    /// <param name="metadata">The free-form texts of the file.</param>
    /// <exception cref="UsageException">The network does not take such images.</exception>
    /// <exception cref="InvalidDataException">The file is broken or of another network.</exception>
    public Sequential Load(Device device, ImageShape shape, out IReadOnlyDictionary<string, string> metadata)
    {
        var model = Choice.Create(shape);
        try
        {
            model.Initialize(device);
            metadata = model.Load(WeightsPath).Metadata;
            model.IsTraining = false;
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static RunRecord? RecordWithin(string path)
    {
        using var file = TensorFile.Open(path);
        return file.Metadata.TryGetValue(RunRecord.MetadataKey, out var text) ? RunRecord.Parse(text, path) : null;
    }
}
