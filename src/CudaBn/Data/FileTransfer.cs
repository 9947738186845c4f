using System.Net;
using System.Net.Http.Headers;

namespace CudaBn;

/// <summary>Gathers one file in a .part file, request by request, each going on where the last one stopped.</summary>
internal sealed class FileTransfer(
    HttpClient client, DownloadTimeouts timeouts, PinnedFile file, string part, Action<long> report)
{
    /// <summary>The file that gathers the bytes.</summary>
    public string Part => part;

    /// <summary>Whether any request brought bytes.</summary>
    public bool HasReceived { get; private set; }

    /// <summary>The bytes gathered, those of earlier downloads included.</summary>
    public long Have
    {
        get
        {
            var info = new FileInfo(part);
            return info.Exists ? info.Length : 0;
        }
    }

    /// <summary>Asks a source for the bytes that are still missing.</summary>
    public async Task<TransferResult> RunAsync(Uri source, CancellationToken cancellationToken)
    {
        if (Have > file.ArchiveLength)
            File.Delete(part);
        var have = Have;
        report(have);
        if (have == file.ArchiveLength)
            return TransferResult.Complete;

        var address = new Uri(source, file.ArchiveName);
        var (response, failure) = await AskAsync(address, have, cancellationToken).ConfigureAwait(false);
        using var answer = response;
        switch (answer?.StatusCode)
        {
            case null:
                return new TransferResult(TransferOutcome.Unavailable, failure);
            case HttpStatusCode.OK:
                // The source does not serve parts: everything comes again.
                have = 0;
                break;
            case HttpStatusCode.PartialContent when GoesOn(answer, have):
                break;
            case HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable when have > 0:
                File.Delete(part);
                return new TransferResult(TransferOutcome.Broken, $"cannot go on from byte {have}");
            default:
                return new TransferResult(
                    TransferOutcome.Unavailable, $"answered {(int)answer.StatusCode} {answer.ReasonPhrase}");
        }

        if (answer.Content.Headers.ContentLength is { } offered && offered != file.ArchiveLength - have)
            return new TransferResult(
                TransferOutcome.Wrong, $"expected {file.ArchiveLength - have} bytes, offered {offered}");

        var result = await ReceiveAsync(answer, have, cancellationToken).ConfigureAwait(false);
        if (result.Outcome == TransferOutcome.Wrong)
            File.Delete(part);
        return result;
    }

    private async Task<(HttpResponseMessage? Response, string Failure)> AskAsync(
        Uri address, long from, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (from > 0)
            request.Headers.Range = new RangeHeaderValue(from, null);

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(timeouts.Answer);
        try
        {
            var response = await client
                .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token)
                .ConfigureAwait(false);
            return (response, "");
        }
        catch (HttpRequestException e)
        {
            return (null, e.Message);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, e.InnerException is TimeoutException
                ? $"no connection within {timeouts.Connect.TotalSeconds:0.#} s"
                : $"no answer within {timeouts.Answer.TotalSeconds:0.#} s");
        }
    }

    private bool GoesOn(HttpResponseMessage response, long have) =>
        have > 0 &&
        response.Content.Headers.ContentRange is { } range &&
        range.From == have &&
        (range.Length is null || range.Length == file.ArchiveLength);

    private async Task<TransferResult> ReceiveAsync(
        HttpResponseMessage response, long have, CancellationToken cancellationToken)
    {
        using var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        using var target = new FileStream(part, have > 0 ? FileMode.Append : FileMode.Create, FileAccess.Write);
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var (count, failure) = await ReadAsync(body, buffer, cancellationToken).ConfigureAwait(false);
            if (count == 0)
            {
                target.Flush(flushToDisk: true);
                return have == file.ArchiveLength
                    ? TransferResult.Complete
                    : new TransferResult(TransferOutcome.Broken, failure);
            }

            if (have + count > file.ArchiveLength)
                return new TransferResult(
                    TransferOutcome.Wrong, $"expected {file.ArchiveLength} bytes, received more");

            await target.WriteAsync(buffer.AsMemory(0, count), CancellationToken.None).ConfigureAwait(false);
            HasReceived = true;
            have += count;
            report(have);
        }
    }

    private async Task<(int Count, string Failure)> ReadAsync(
        Stream body, byte[] buffer, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(timeouts.Stall);
        try
        {
            var count = await body.ReadAsync(buffer, patience.Token).ConfigureAwait(false);
            return (count, "the answer ended too early");
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            return (0, e.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (0, $"nothing received for {timeouts.Stall.TotalSeconds:0.#} s");
        }
    }
}
