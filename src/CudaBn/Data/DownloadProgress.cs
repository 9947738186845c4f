namespace CudaBn;

/// <summary>How far a download of several files has come.</summary>
/// <param name="File">The file being fetched.</param>
/// <param name="BytesDone">Bytes of all files that are on disk, those of an earlier, broken download included.</param>
/// <param name="BytesTotal">Bytes of all files to fetch.</param>
public readonly record struct DownloadProgress(string File, long BytesDone, long BytesTotal);
