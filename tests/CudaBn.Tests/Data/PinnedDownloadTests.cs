using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using NUnit.Framework;
using static CudaBn.Tests.Data.LocalServer;

namespace CudaBn.Tests.Data;

public class PinnedDownloadTests
{
    private const string Archive = "train-images-idx3-ubyte.gz";

    private static readonly byte[] _content = IdxBytes.Random(21, 300_000);

    private static readonly PinnedFile _file = Pin("train-images-idx3-ubyte", _content);

    private static readonly DownloadTimeouts _timeouts = new(
        Connect: TimeSpan.FromSeconds(3),
        Answer: TimeSpan.FromSeconds(10),
        Stall: TimeSpan.FromSeconds(10),
        Pause: TimeSpan.FromMilliseconds(1),
        Tries: 3);

    private TestFolder _folder = null!;

    private string Target => _folder[Archive];

    private string Part => Target + ".part";

    [SetUp]
    public void MakeFolder() => _folder = new TestFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task Fetch_SeveralFiles_LeavesThemWholeAndTellsHowFarItIs()
    {
        var other = IdxBytes.Random(22, 70_000);
        using var server = new LocalServer(
            Files(new Dictionary<string, byte[]> { [Archive] = _content, ["b.gz"] = other }));
        var progress = new RecordedProgress();
        await new PinnedDownload([server.Address], _timeouts)
            .FetchAsync(_folder[""], [_file, Pin("b", other)], progress, CancellationToken.None);

        AssertHolds(Target, _content);
        AssertHolds(_folder["b.gz"], other);
        Assert.That(FilesLeft(), Is.EquivalentTo(new[] { Archive, "b.gz" }));
        Assert.That(progress.Reports.Select(report => report.BytesDone), Is.Ordered);
        Assert.That(progress.Reports[0], Is.EqualTo(new DownloadProgress(Archive, 0, 370_000)));
        Assert.That(progress.Reports[^1], Is.EqualTo(new DownloadProgress("b.gz", 370_000, 370_000)));
    }

    [Test]
    public async Task Fetch_FileAlreadyThere_AsksNobody([Values("", ".gz")] string suffix)
    {
        _folder.Write(_file.Name + suffix, [1, 2, 3]);
        using var server = new LocalServer(_ => Reply.Whole(_content));
        await FetchAsync(server);
        Assert.That(server.Requests, Is.Empty);
        Assert.That(File.ReadAllBytes(_folder[_file.Name + suffix]), Is.EqualTo(new byte[] { 1, 2, 3 }));
    }

    [TestCase(404)]
    [TestCase(503)]
    [TestCase(416)]
    [TestCase(206)]
    public async Task Fetch_FirstSourceDoesNotHaveIt_TakesTheSecond(int status)
    {
        using var first = new LocalServer(_ => new Reply(status));
        using var second = new LocalServer(_ => Reply.Whole(_content));
        await FetchAsync(first, second);
        AssertHolds(Target, _content);
        Assert.That(first.Requests, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Fetch_ConnectionBreaks_GoesOnWhereItStopped()
    {
        using var server = new LocalServer(
            request => request.From is null ? Reply.Whole(_content).CutAfter(100_000) : Reply.From(_content, request));
        await FetchAsync(server);
        AssertHolds(Target, _content);
        Assert.That(server.Requests.Select(request => request.From), Is.EqualTo(new long?[] { null, 100_000 }));
    }

    [Test]
    public async Task Fetch_AnswerWithoutLengthEndsEarly_GoesOnWhereItStopped()
    {
        using var server = new LocalServer(request =>
            request.From is null
                ? Reply.Whole(_content).CutAfter(100_000) with { Length = null }
                : Reply.From(_content, request));
        await FetchAsync(server);
        AssertHolds(Target, _content);
        Assert.That(server.Requests.Select(request => request.From), Is.EqualTo(new long?[] { null, 100_000 }));
    }

    [Test]
    public async Task Fetch_FirstSourceKeepsBreaking_GoesOnAtTheSecond()
    {
        using var first = new LocalServer(request => Reply.From(_content, request).CutAfter(50_000));
        using var second = new LocalServer(request => Reply.From(_content, request));
        await FetchAsync(first, second);
        AssertHolds(Target, _content);
        Assert.That(first.Requests.Select(request => request.From), Is.EqualTo(new long?[] { null, 50_000, 100_000 }));
        Assert.That(second.Requests.Select(request => request.From), Is.EqualTo(new long?[] { 150_000 }));
    }

    [Test]
    public async Task Fetch_EverySourceBreaks_KeepsWhatArrived()
    {
        using var server = new LocalServer(request => Reply.From(_content, request).CutAfter(50_000));
        var error = (await Assert.ThrowsAsync<DownloadException>(() => FetchAsync(server)))!;
        Assert.That(error.IsUnavailable, Is.False);
        Assert.That(
            error.Message,
            Does.StartWith($"The download of {Archive} stopped after 150000 of 300000 bytes (127.0.0.1: ")
                .And.Not.Contains("\n"));
        Assert.That(FilesLeft(), Is.EqualTo(new[] { Archive + ".part" }));
        AssertHolds(Part, _content.AsSpan(0, 150_000));
    }

    [Test]
    public async Task Fetch_PartOfAnEarlierDownload_IsContinued()
    {
        _folder.Write(Archive + ".part", _content.AsSpan(0, 250_000));
        using var server = new LocalServer(request => Reply.From(_content, request));
        var progress = new RecordedProgress();
        await FetchAsync(progress, CancellationToken.None, server);
        AssertHolds(Target, _content);
        Assert.That(server.Requests.Select(request => request.From), Is.EqualTo(new long?[] { 250_000 }));
        Assert.That(progress.Reports[0].BytesDone, Is.EqualTo(250_000));
        Assert.That(File.Exists(Part), Is.False);
    }

    [Test]
    public async Task Fetch_PartThatIsWhole_IsTakenWithoutAsking()
    {
        _folder.Write(Archive + ".part", _content);
        using var server = new LocalServer(_ => new Reply(404));
        await FetchAsync(server);
        AssertHolds(Target, _content);
        Assert.That(server.Requests, Is.Empty);
    }

    [Test]
    public async Task Fetch_PartLongerThanTheFile_StartsAgain()
    {
        _folder.Write(Archive + ".part", new byte[300_001]);
        using var server = new LocalServer(request => Reply.From(_content, request));
        await FetchAsync(server);
        AssertHolds(Target, _content);
        Assert.That(server.Requests.Select(request => request.From), Is.EqualTo(new long?[] { null }));
    }

    [Test]
    public async Task Fetch_ServerIgnoresRange_StartsAgain()
    {
        _folder.Write(Archive + ".part", new byte[1000]);
        using var server = new LocalServer(_ => Reply.Whole(_content));
        await FetchAsync(server);
        AssertHolds(Target, _content);
    }

    [Test]
    public async Task Fetch_ServerRefusesRange_StartsAgain()
    {
        _folder.Write(Archive + ".part", _content.AsSpan(0, 1000));
        using var server = new LocalServer(request => request.From is null ? Reply.Whole(_content) : new Reply(416));
        await FetchAsync(server);
        AssertHolds(Target, _content);
        Assert.That(server.Requests.Select(request => request.From), Is.EqualTo(new long?[] { 1000, null }));
    }

    [TestCase("bytes 0-298999/300000")]
    [TestCase("bytes 1000-299999/300001")]
    [TestCase(null)]
    public async Task Fetch_ServerSendsAnotherRange_StartsAgain(string? range)
    {
        _folder.Write(Archive + ".part", _content.AsSpan(0, 1000));
        using var server = new LocalServer(
            request => request.From is null
                ? Reply.Whole(_content)
                : Reply.From(_content, request) with { Range = range });
        await FetchAsync(server);
        AssertHolds(Target, _content);
        Assert.That(server.Requests.Select(request => request.From), Is.EqualTo(new long?[] { 1000, null }));
    }

    [Test]
    public async Task Fetch_OtherBytes_NamesBothHashesAndLeavesNothing()
    {
        var other = IdxBytes.Random(23, _content.Length);
        using var server = new LocalServer(_ => Reply.Whole(other));
        var error = (await Assert.ThrowsAsync<InvalidDataException>(() => FetchAsync(server)))!;
        Assert.That(
            error.Message,
            Is.EqualTo(
                $"{Archive} from 127.0.0.1: expected SHA-256 {_file.ArchiveSha256}, " +
                $"received {Convert.ToHexStringLower(SHA256.HashData(other))}."));
        Assert.That(FilesLeft(), Is.Empty);
    }

    [Test]
    public async Task Fetch_OtherBytesOnlyAtTheFirstSource_TakesTheSecond()
    {
        using var first = new LocalServer(_ => Reply.Whole(IdxBytes.Random(23, _content.Length)));
        using var second = new LocalServer(request => Reply.From(_content, request));
        await FetchAsync(first, second);
        AssertHolds(Target, _content);
        Assert.That(second.Requests.Select(request => request.From), Is.EqualTo(new long?[] { null }));
    }

    [Test]
    public void Fetch_OtherBytesAndThenNobody_IsWrongAndNotUnavailable()
    {
        using var first = new LocalServer(_ => Reply.Whole(IdxBytes.Random(23, _content.Length)));
        using var second = new LocalServer(_ => new Reply(404));
        Assert.That(() => FetchAsync(first, second), Throws.TypeOf<InvalidDataException>());
    }

    [Test]
    public void Fetch_ServerAnnouncesAnotherLength_ReadsNone([Values(299_999, 300_001)] int length)
    {
        using var server = new LocalServer(_ => Reply.Whole(new byte[length]));
        Assert.That(
            () => FetchAsync(server),
            Throws.TypeOf<InvalidDataException>().With.Message.EqualTo(
                $"{Archive} from 127.0.0.1: expected 300000 bytes, offered {length}."));
        Assert.That(FilesLeft(), Is.Empty);
    }

    [Test]
    public void Fetch_ServerSendsWithoutEnd_StopsAtTheLength()
    {
        byte[] more = [.. _content, .. new byte[100_000]];
        using var server = new LocalServer(_ => new Reply(200) { Body = more, Length = null, NeverEnds = true });
        Assert.That(
            () => FetchAsync(server),
            Throws.TypeOf<InvalidDataException>().With.Message.EqualTo(
                $"{Archive} from 127.0.0.1: expected 300000 bytes, received more."));
        Assert.That(FilesLeft(), Is.Empty);
    }

    [Test]
    public async Task Fetch_Cancelled_LeavesAPartToGoOnFrom()
    {
        using var server = new LocalServer(request =>
            request.From is null
                ? Reply.Whole(_content).CutAfter(120_000) with { NeverEnds = true }
                : Reply.From(_content, request));
        using var cancel = new CancellationTokenSource();
        var progress = new RecordedProgress(report =>
        {
            if (report.BytesDone == 120_000)
                cancel.Cancel();
        });
        Assert.That(
            () => FetchAsync(progress, cancel.Token, server), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(FilesLeft(), Is.EqualTo(new[] { Archive + ".part" }));
        AssertHolds(Part, _content.AsSpan(0, 120_000));

        await FetchAsync(server);
        AssertHolds(Target, _content);
        Assert.That(server.Requests.Select(request => request.From), Is.EqualTo(new long?[] { null, 120_000 }));
    }

    [Test]
    public async Task Fetch_NobodyListens_IsUnavailableAndNamesEverySource()
    {
        var closed = ClosedPort();
        var error = (await Assert.ThrowsAsync<DownloadException>(
            () => new PinnedDownload([closed, closed], _timeouts)
                .FetchAsync(_folder[""], [_file], null, CancellationToken.None)))!;
        Assert.That(error.IsUnavailable, Is.True);
        Assert.That(error.Message, Does.StartWith($"{Archive} could not be downloaded (127.0.0.1: "));
        Assert.That(error.Message.Split("127.0.0.1: "), Has.Length.EqualTo(3));
        Assert.That(FilesLeft(), Is.Empty);
    }

    [Test]
    public async Task Fetch_NobodyListensButSomeIsThere_IsUnavailableAndKeepsIt()
    {
        _folder.Write(Archive + ".part", _content.AsSpan(0, 1000));
        var error = (await Assert.ThrowsAsync<DownloadException>(
            () => new PinnedDownload([ClosedPort()], _timeouts)
                .FetchAsync(_folder[""], [_file], null, CancellationToken.None)))!;
        Assert.That(error.IsUnavailable, Is.True);
        AssertHolds(Part, _content.AsSpan(0, 1000));
    }

    [Test]
    public async Task Fetch_SecondFileIsNowhere_IsNotUnavailableAsTheFirstWasThere()
    {
        using var server = new LocalServer(Files(new Dictionary<string, byte[]> { [Archive] = _content }));
        var error = (await Assert.ThrowsAsync<DownloadException>(
            () => new PinnedDownload([server.Address], _timeouts)
                .FetchAsync(_folder[""], [_file, Pin("b", [1])], null, CancellationToken.None)))!;
        Assert.That(error.IsUnavailable, Is.False);
        Assert.That(error.Message, Is.EqualTo("b.gz could not be downloaded (127.0.0.1: answered 404 Test)."));
        AssertHolds(Target, _content);
    }

    [Test]
    public async Task Fetch_NoAnswer_GivesUpInTime()
    {
        using var server = new LocalServer(_ => new Reply(200) { IsSilent = true });
        var hasty = _timeouts with { Answer = TimeSpan.FromMilliseconds(200) };
        var error = (await Assert.ThrowsAsync<DownloadException>(
            () => new PinnedDownload([server.Address], hasty)
                .FetchAsync(_folder[""], [_file], null, CancellationToken.None)))!;
        Assert.That(error.IsUnavailable, Is.True);
        Assert.That(error.Message, Does.Contain("no answer within 0.2 s"));
    }

    [Test]
    public async Task Fetch_ServerFallsSilent_AsksAgain()
    {
        using var server = new LocalServer(request =>
            request.From is null
                ? Reply.Whole(_content).CutAfter(120_000) with { NeverEnds = true }
                : Reply.From(_content, request));
        var hasty = _timeouts with { Stall = TimeSpan.FromMilliseconds(300) };
        await new PinnedDownload([server.Address], hasty)
            .FetchAsync(_folder[""], [_file], null, CancellationToken.None);
        AssertHolds(Target, _content);
    }

    [Test]
    public async Task Fetch_TwoAtOnce_DownloadOnce()
    {
        using var firstAsked = new ManualResetEventSlim();
        using var mayGoOn = new ManualResetEventSlim();
        using var server = new LocalServer(_ =>
        {
            firstAsked.Set();
            mayGoOn.Wait(TimeSpan.FromSeconds(10));
            return Reply.Whole(_content);
        });
        var first = Task.Run(() => FetchAsync(server));
        Assert.That(firstAsked.Wait(TimeSpan.FromSeconds(10)), Is.True);
        var second = Task.Run(() => FetchAsync(server));
        await Task.Delay(150);
        Assert.That(second.IsCompleted, Is.False);
        mayGoOn.Set();
        await Task.WhenAll(first, second);
        AssertHolds(Target, _content);
        Assert.That(server.Requests, Has.Count.EqualTo(1));
    }

    [Test]
    public void Fetch_FolderHeldByOneThatDoesNothing_SaysSo()
    {
        using var held = new FileStream(_folder[".lock"], FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        using var server = new LocalServer(_ => Reply.Whole(_content));
        var hasty = _timeouts with { Stall = TimeSpan.FromMilliseconds(200) };
        Assert.That(
            () => new PinnedDownload([server.Address], hasty)
                .FetchAsync(_folder[""], [_file], null, CancellationToken.None),
            Throws.TypeOf<DownloadException>().With.Message.Contains("held by another process"));
        Assert.That(server.Requests, Is.Empty);
    }

    [Test]
    public async Task Fetch_FolderCannotBeMade_NamesIt()
    {
        var inFile = Path.Combine(_folder.Write("file", []), "cache");
        using var server = new LocalServer(_ => Reply.Whole(_content));
        var error = (await Assert.ThrowsAsync<DownloadException>(
            () => new PinnedDownload([server.Address], _timeouts)
                .FetchAsync(inFile, [_file], null, CancellationToken.None)))!;
        Assert.That(error.Message, Does.StartWith($"Nothing can be downloaded to {inFile}: "));
        Assert.That(error.IsUnavailable, Is.True);
    }

    internal static Uri ClosedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/");
    }

    internal static PinnedFile Pin(string name, byte[] archive) =>
        new(name, archive.Length, Convert.ToHexStringLower(SHA256.HashData(archive)), ElementsSha256: "");

    // Is.EqualTo walks through an array element by element, and takes its time.
    private static void AssertHolds(string path, ReadOnlySpan<byte> content)
    {
        var actual = File.ReadAllBytes(path);
        Assert.That(actual, Has.Length.EqualTo(content.Length), path);
        Assert.That(actual.AsSpan().CommonPrefixLength(content), Is.EqualTo(content.Length), path);
    }

    private Task FetchAsync(params LocalServer[] servers) => FetchAsync(null, CancellationToken.None, servers);

    private Task FetchAsync(
        IProgress<DownloadProgress>? progress, CancellationToken cancellationToken, params LocalServer[] servers) =>
        new PinnedDownload([.. servers.Select(server => server.Address)], _timeouts)
            .FetchAsync(_folder[""], [_file], progress, cancellationToken);

    private IEnumerable<string> FilesLeft() =>
        Directory.EnumerateFiles(_folder[""]).Select(path => Path.GetFileName(path)).Where(name => name != ".lock");
}
