namespace CudaBn;

/// <summary>Files could not be downloaded. What arrived is kept, and the next download goes on from there.</summary>
public sealed class DownloadException : IOException
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What could not be downloaded, and what each source answered.</param>
    /// <param name="isUnavailable">Whether nothing at all could be downloaded.</param>
    public DownloadException(string message, bool isUnavailable)
        : base(message)
    {
        IsUnavailable = isUnavailable;
    }

    /// <summary>
    /// True where nothing could be downloaded (no network, no source has the file, nowhere to put it); false where a
    /// download began and broke off.
    /// </summary>
    public bool IsUnavailable { get; }
}
