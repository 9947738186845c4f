namespace CudaBn.Serialization;

/// <summary>One file in a zip archive.</summary>
/// <param name="Name">Its name, unique in the archive.</param>
/// <param name="IsDeflated">Whether it is compressed by deflate; else it is stored as it is.</param>
/// <param name="Crc32">The check sum of its content.</param>
/// <param name="CompressedLength">Bytes in the archive.</param>
/// <param name="Length">Bytes of its content, as the archive says: proven only for a stored member.</param>
/// <param name="DirectoryAt">Where the archive's directory describes it.</param>
/// <param name="HeaderAt">Where its local header starts.</param>
/// <param name="DataAt">Where its bytes start.</param>
internal sealed record ZipMember(
    string Name,
    bool IsDeflated,
    uint Crc32,
    long CompressedLength,
    long Length,
    long DirectoryAt,
    long HeaderAt,
    long DataAt)
{
    /// <summary>Opens the content.</summary>
    /// <returns>Exactly <see cref="Length"/> bytes of the right check sum, or an InvalidDataException while they are
    /// read.</returns>
    public ReadOnlyStream Open(FileBytes file) => new ZipMemberStream(file, this);

    /// <summary>What messages about the content call it.</summary>
    public string Place(FileBytes file) => $"{file.Path}: member {BrokenFile.Quote(Name)}";
}
