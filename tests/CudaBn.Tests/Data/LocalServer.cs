using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CudaBn.Tests.Data;

/// <summary>
/// An HTTP server on this machine that answers as a test tells it to, wrongly too. One request a connection.
/// </summary>
internal sealed class LocalServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<Request, Reply> _answer;
    private readonly List<Request> _requests = [];

    public LocalServer(Func<Request, Reply> answer)
    {
        _answer = answer;
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/data/");
        _ = AcceptAsync();
    }

    public Uri Address { get; }

    public IReadOnlyList<Request> Requests
    {
        get
        {
            lock (_requests)
                return [.. _requests];
        }
    }

    /// <summary>Serves files by name, from the byte asked for on.</summary>
    public static Func<Request, Reply> Files(IReadOnlyDictionary<string, byte[]> files) =>
        request => files.TryGetValue(request.Name, out var content) ? Reply.From(content, request) : new Reply(404);

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Stop();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token), _stop.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient client, CancellationToken stop)
    {
        try
        {
            using var connection = client;
            var stream = connection.GetStream();
            var request = await ReadAsync(stream, stop);
            lock (_requests)
                _requests.Add(request);
            // A thread of its own: an answer may wait for the test.
            var reply = await Task.Factory.StartNew(
                () => _answer(request), stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            if (!reply.IsSilent)
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes(reply.Head), stop);
                await stream.WriteAsync(reply.Body, stop);
            }

            if (reply.IsSilent || reply.NeverEnds)
                await Task.Delay(Timeout.Infinite, stop);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The test is over, or the client hung up.
        }
    }

    private static async Task<Request> ReadAsync(NetworkStream stream, CancellationToken stop)
    {
        var head = new StringBuilder();
        var buffer = new byte[4096];
        while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            var count = await stream.ReadAsync(buffer, stop);
            if (count == 0)
                throw new IOException("The client hung up within its request.");
            head.Append(Encoding.ASCII.GetString(buffer, 0, count));
        }

        var lines = head.ToString().Split("\r\n");
        var range = Array.Find(lines, line => line.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase));
        var from = range?["Range: bytes=".Length..].TrimEnd('-');
        return new Request(
            lines[0].Split(' ')[1].Split('/')[^1],
            from is null ? null : long.Parse(from, CultureInfo.InvariantCulture));
    }

    internal sealed record Request(string Name, long? From);

    internal sealed record Reply(int Status)
    {
        public byte[] Body { get; init; } = [];

        /// <summary>The length the head states; null for none.</summary>
        public long? Length { get; init; } = 0;

        public string? Range { get; init; }

        /// <summary>Sends what there is, then keeps the connection open.</summary>
        public bool NeverEnds { get; init; }

        /// <summary>Sends nothing at all, and keeps the connection open.</summary>
        public bool IsSilent { get; init; }

        public string Head =>
            $"HTTP/1.1 {Status} Test\r\nConnection: close\r\n" +
            (Length is null ? "" : $"Content-Length: {Length}\r\n") +
            (Range is null ? "" : $"Content-Range: {Range}\r\n") + "\r\n";

        public static Reply Whole(byte[] content) => new(200) { Body = content, Length = content.Length };

        public static Reply From(byte[] content, Request request)
        {
            if (request.From is not { } from)
                return Whole(content);
            return new Reply(206)
            {
                Body = content[(int)from..],
                Length = content.Length - from,
                Range = $"bytes {from}-{content.Length - 1}/{content.Length}",
            };
        }

        /// <summary>The same head, but only the first bytes of the body.</summary>
        public Reply CutAfter(int count) => this with { Body = Body[..count] };
    }
}
