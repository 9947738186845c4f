namespace CudaBn.Serialization;

/// <summary>The model within a checkpoint, as a file of weights.</summary>
internal sealed class CheckpointWeights : ITensorFile
{
    private readonly CheckpointFile _checkpoint;
    private readonly Dictionary<string, byte[]> _payloads;

    /// <summary>Reads a checkpoint as a whole.</summary>
    /// <exception cref="InvalidDataException">The file is damaged, or no checkpoint.</exception>
    /// <exception cref="IOException">It does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read, or is a folder.</exception>
    public CheckpointWeights(string path)
    {
        _checkpoint = CheckpointFile.Read(path);
        var model = _checkpoint.Model.ToList();
        Tensors = [.. model.Select(tensor => tensor.Entry)];
        _payloads = model.ToDictionary(tensor => tensor.Entry.Name, tensor => tensor.Payload, StringComparer.Ordinal);
    }

    public string Path => _checkpoint.Path;

    public string Format => "safetensors";

    public IReadOnlyDictionary<string, string> Metadata => _checkpoint.CallersTexts;

    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>Whether a file is a checkpoint, by the texts in it.</summary>
    public static bool IsCheckpoint(ITensorFile file) => file.Metadata.ContainsKey(CheckpointFile.VersionKey);

    public Stream OpenElements(TensorEntry tensor) => new MemoryStream(_payloads[tensor.Name], writable: false);

    public void Dispose()
    {
    }
}
