namespace CudaBn.Serialization;

/// <summary>An open file of named tensors, whatever its format.</summary>
internal interface ITensorFile : IDisposable
{
    /// <summary>The path as it was given.</summary>
    string Path { get; }

    /// <summary>What users call the format.</summary>
    string Format { get; }

    /// <summary>Free-form texts kept in the file.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>All tensors, in the order of the file.</summary>
    IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>Opens the elements of a tensor.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <returns>Exactly as many bytes as the tensor has, row-major and little-endian, or an InvalidDataException while they
    /// are read. Holds no more than a buffer of fixed size where the file allows.</returns>
    Stream OpenElements(TensorEntry tensor);
}
