using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace CudaBn;

/// <summary>
/// Downloads files whose length and SHA-256 are known beforehand from the first source that has them. A file is
/// gathered as NAME.part, where a later download goes on, and takes its own name only once its hash is right.
/// </summary>
internal sealed class PinnedDownload(IReadOnlyList<Uri> sources, DownloadTimeouts timeouts)
{
    public static PinnedDownload FashionMnist { get; } = new(
        [
            new Uri("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
            new Uri("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"),
        ],
        DownloadTimeouts.Default);

    /// <summary>Fetches into a folder those of the files that it does not hold.</summary>
    /// <exception cref="InvalidDataException">No source has the right bytes, and one has wrong ones.</exception>
    /// <exception cref="DownloadException">
    /// No source has the bytes, the connection broke, or the folder cannot be written.
    /// </exception>
    public async Task FetchAsync(
        string folder,
        IReadOnlyList<PinnedFile> files,
        IProgress<DownloadProgress>? progress,
        CancellationToken cancellationToken)
    {
        using var folderLock = await EnterAsync(folder, cancellationToken).ConfigureAwait(false);
        // Another process may have fetched some while this one waited.
        var missing = files.Where(file => file.In(folder) is null).ToArray();
        using var client = new HttpClient(new SocketsHttpHandler { ConnectTimeout = timeouts.Connect });
        client.Timeout = Timeout.InfiniteTimeSpan;
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("CudaBn", null));

        var before = 0L;
        var total = missing.Sum(file => file.ArchiveLength);
        foreach (var file in missing)
        {
            var done = before;
            void Report(long bytes) => progress?.Report(new DownloadProgress(file.ArchiveName, done + bytes, total));

            var path = Path.Combine(folder, file.ArchiveName);
            var transfer = new FileTransfer(client, timeouts, file, path + ".part", Report);
            await FetchAsync(transfer, file, anyBefore: before > 0, cancellationToken).ConfigureAwait(false);
            File.Move(transfer.Part, path, overwrite: true);
            before += file.ArchiveLength;
        }
    }

    private async Task<FileStream> EnterAsync(string folder, CancellationToken cancellationToken)
    {
        try
        {
            Directory.CreateDirectory(folder);
            return await FolderLock.TakeAsync(folder, timeouts.Stall, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DownloadException($"Nothing can be downloaded to {folder}: {e.Message}", isUnavailable: true);
        }
    }

    private async Task FetchAsync(
        FileTransfer transfer, PinnedFile file, bool anyBefore, CancellationToken cancellationToken)
    {
        var failures = new List<string>();
        string? wrong = null;
        foreach (var source in sources)
        {
            var result = await FetchAsync(transfer, file, source, cancellationToken).ConfigureAwait(false);
            if (result.Outcome == TransferOutcome.Complete)
                return;

            failures.Add($"{source.Host}: {result.Reason}");
            if (result.Outcome == TransferOutcome.Wrong)
                wrong ??= failures[^1];
        }

        if (wrong is not null)
            throw new InvalidDataException($"{file.ArchiveName} from {wrong}.");

        var outcome = transfer.Have > 0
            ? $"The download of {file.ArchiveName} stopped after {transfer.Have} of {file.ArchiveLength} bytes"
            : $"{file.ArchiveName} could not be downloaded";
        throw new DownloadException(
            $"{outcome} ({string.Join("; ", failures)}).", isUnavailable: !anyBefore && !transfer.HasReceived);
    }

    private async Task<TransferResult> FetchAsync(
        FileTransfer transfer, PinnedFile file, Uri source, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var result = await transfer.RunAsync(source, cancellationToken).ConfigureAwait(false);
            if (result.Outcome == TransferOutcome.Complete)
                return await CheckAsync(transfer.Part, file, cancellationToken).ConfigureAwait(false);
            if (result.Outcome != TransferOutcome.Broken || attempt == timeouts.Tries)
                return result;

            await Task.Delay(timeouts.Pause, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task<TransferResult> CheckAsync(
        string part, PinnedFile file, CancellationToken cancellationToken)
    {
        byte[] hash;
        using (var stream = File.OpenRead(part))
            hash = await SHA256.HashDataAsync(stream, cancellationToken).ConfigureAwait(false);
        var actual = Convert.ToHexStringLower(hash);
        if (actual == file.ArchiveSha256)
            return TransferResult.Complete;

        File.Delete(part);
        return new TransferResult(TransferOutcome.Wrong, $"expected SHA-256 {file.ArchiveSha256}, received {actual}");
    }
}
