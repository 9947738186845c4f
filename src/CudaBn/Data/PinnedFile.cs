namespace CudaBn;

/// <summary>One IDX file of a published data set and the hashes that tell the genuine one.</summary>
/// <param name="Name">The file's name when uncompressed.</param>
/// <param name="ArchiveLength">The length in bytes of the published gzip file.</param>
/// <param name="ArchiveSha256">The SHA-256 of the published gzip file, lower-case hexadecimal.</param>
/// <param name="ElementsSha256">
/// The SHA-256 of the elements behind the IDX header: the same for whoever compressed the file, and however.
/// </param>
internal sealed record PinnedFile(string Name, long ArchiveLength, string ArchiveSha256, string ElementsSha256)
{
    public string ArchiveName => Name + ".gz";

    /// <summary>The file in a folder, plain before compressed; null where it is not there.</summary>
    public string? In(string folder)
    {
        var plain = Path.Combine(folder, Name);
        var archive = Path.Combine(folder, ArchiveName);
        return File.Exists(plain) ? plain : File.Exists(archive) ? archive : null;
    }
}
