using System.Security.Cryptography;
using NUnit.Framework;

namespace CudaBn.Tests.Data;

/// <summary>The search order and what follows it, with small files and a server on this machine.</summary>
public class FashionMnistSourceTests
{
    private static readonly Dictionary<string, byte[]> _plain = new()
    {
        ["train-images-idx3-ubyte"] = IdxBytes.Images(12, 4, 3, IdxBytes.Random(31, 12 * 4 * 3)),
        ["train-labels-idx1-ubyte"] = IdxBytes.Labels([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2]),
        ["t10k-images-idx3-ubyte"] = IdxBytes.Images(3, 4, 3, IdxBytes.Random(32, 3 * 4 * 3)),
        ["t10k-labels-idx1-ubyte"] = IdxBytes.Labels([5, 0, 9]),
    };

    private static readonly Dictionary<string, byte[]> _archives =
        _plain.ToDictionary(file => file.Key + ".gz", file => IdxBytes.Gzip(file.Value));

    private static readonly FashionMnistFiles _files = new(
        Pin("train-images-idx3-ubyte", 16),
        Pin("train-labels-idx1-ubyte", 8),
        Pin("t10k-images-idx3-ubyte", 16),
        Pin("t10k-labels-idx1-ubyte", 8));

    private TestFolder _folder = null!;
    private LocalServer _server = null!;

    private DataFolders Folders => new(null, _folder["cache"], _folder["system"]);

    [SetUp]
    public void Start()
    {
        _folder = new TestFolder();
        _server = new LocalServer(LocalServer.Files(_archives));
    }

    [TearDown]
    public void Stop()
    {
        _server.Dispose();
        _folder.Dispose();
    }

    [Test]
    public async Task Load_FolderGiven_IsReadBeforeAllOthers([Values] bool isGzip)
    {
        Put("given", isGzip);
        Put("environment");
        Put("cache");
        var loaded = await Source(Folders with { Environment = _folder["environment"] }).LoadAsync(_folder["given"]);
        Assert.That(loaded.Source, Is.EqualTo(_folder["given"]));
        Assert.That((loaded.Name, loaded.IsBuiltIn), Is.EqualTo(("Fashion-MNIST", false)));
        Assert.That(loaded.Train.Images.ToArray(), Is.EqualTo(_plain["train-images-idx3-ubyte"][16..]));
        Assert.That(loaded.Train.Labels.ToArray(), Is.EqualTo(_plain["train-labels-idx1-ubyte"][8..]));
        Assert.That(loaded.Test.Images.ToArray(), Is.EqualTo(_plain["t10k-images-idx3-ubyte"][16..]));
        Assert.That(loaded.Test.Labels.ToArray(), Is.EqualTo(_plain["t10k-labels-idx1-ubyte"][8..]));
        Assert.That((loaded.Train.Channels, loaded.Train.Height, loaded.Train.Width), Is.EqualTo((1, 4, 3)));
    }

    [Test]
    public void Load_FolderGivenLacksFiles_NamesThemAndLooksNoFurther([Values] bool orDraw)
    {
        Put("given");
        File.Delete(_folder["given/t10k-images-idx3-ubyte"]);
        File.Delete(_folder["given/t10k-labels-idx1-ubyte"]);
        Put("cache");
        Assert.That(
            () => orDraw ? Source().LoadOrDrawAsync(_folder["given"]) : Source().LoadAsync(_folder["given"]),
            Throws.TypeOf<FileNotFoundException>().With.Message.EqualTo(
                $"Fashion-MNIST is not where it was said to be: given: {_folder["given"]}: " +
                "missing t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz."));
        Assert.That(_server.Requests, Is.Empty);
    }

    [Test]
    public void Load_EnvironmentNamesNoFolder_SaysSoAndLooksNoFurther([Values] bool orDraw)
    {
        Put("cache");
        var source = Source(Folders with { Environment = _folder["none"] });
        Assert.That(
            () => orDraw ? source.LoadOrDrawAsync(null) : source.LoadAsync(null),
            Throws.TypeOf<FileNotFoundException>().With.Message.EqualTo(
                $"Fashion-MNIST is not where it was said to be: CUDABN_DATA: {_folder["none"]}: no such folder."));
        Assert.That(_server.Requests, Is.Empty);
    }

    [Test]
    public async Task Load_EnvironmentNamesAFolder_IsReadBeforeTheCache()
    {
        Put("environment");
        Put("cache");
        var loaded = await Source(Folders with { Environment = _folder["environment"] }).LoadAsync(null);
        Assert.That(loaded.Source, Is.EqualTo(_folder["environment"]));
    }

    [Test]
    public async Task Load_CacheAndSystem_AreReadInThisOrder()
    {
        Put("system");
        Assert.That((await Source().LoadAsync(null)).Source, Is.EqualTo(_folder["system"]));
        Put("cache");
        Assert.That((await Source().LoadAsync(null)).Source, Is.EqualTo(_folder["cache"]));
        File.Delete(_folder["cache/train-labels-idx1-ubyte"]);
        Assert.That((await Source().LoadAsync(null)).Source, Is.EqualTo(_folder["system"]));
        Assert.That(_server.Requests, Is.Empty);
    }

    [Test]
    public async Task Load_Nowhere_DownloadsOnceIntoTheCache()
    {
        var progress = new RecordedProgress();
        var loaded = await Source().LoadAsync(null, progress);
        Assert.That(loaded.Source, Is.EqualTo($"downloaded to {_folder["cache"]}"));
        Assert.That(loaded.Test.Count, Is.EqualTo(3));
        Assert.That(progress.Reports[^1].BytesDone, Is.EqualTo(_archives.Values.Sum(archive => archive.Length)));

        var again = await Source().LoadAsync(null);
        Assert.That(again.Source, Is.EqualTo(_folder["cache"]));
        Assert.That(_server.Requests, Has.Count.EqualTo(4));
    }

    [Test]
    public async Task LoadOrDraw_Offline_DrawsAndSaysWhy()
    {
        var source = Source(Folders, PinnedDownloadTests.ClosedPort());
        Assert.That(() => source.LoadAsync(null), Throws.TypeOf<DownloadException>());
        var loaded = await source.LoadOrDrawAsync(null);
        Assert.That((loaded.Name, loaded.IsBuiltIn), Is.EqualTo(("drawn garments", true)));
        Assert.That(
            loaded.Notice,
            Does.StartWith(
                "Fashion-MNIST is not on this machine; drawn garments stand in for it. " +
                "train-images-idx3-ubyte.gz could not be downloaded (127.0.0.1: ").And.Not.Contains("\n"));
    }

    [Test]
    public async Task LoadOrDraw_NoCacheFolder_DrawsAndSaysWhy()
    {
        var loaded = await Source(Folders with { Cache = null }).LoadOrDrawAsync(null);
        Assert.That(loaded.IsBuiltIn, Is.True);
        Assert.That(loaded.Notice, Does.EndWith("this user has no cache folder to keep it in."));
        Assert.That(_server.Requests, Is.Empty);
    }

    [Test]
    public async Task LoadOrDraw_OnDisk_HasNoNotice()
    {
        Put("system");
        var loaded = await Source().LoadOrDrawAsync(null);
        Assert.That((loaded.IsBuiltIn, loaded.Notice), Is.EqualTo((false, (string?)null)));
    }

    [Test]
    public void LoadOrDraw_BrokenFile_Throws()
    {
        Put("cache");
        var path = _folder.Write("cache/t10k-images-idx3-ubyte", _plain["t10k-images-idx3-ubyte"].AsSpan(0, 30));
        Assert.That(
            () => Source().LoadOrDrawAsync(null),
            Throws.TypeOf<InvalidDataException>().With.Message.StartsWith($"{path}: offset 16: expected 36 bytes"));
    }

    [Test]
    public void LoadOrDraw_ValidFileOfOtherContent_Throws()
    {
        Put("system");
        var path = _folder.Write("system/train-labels-idx1-ubyte", IdxBytes.Labels(new byte[12]));
        Assert.That(
            () => Source().LoadOrDrawAsync(null),
            Throws.TypeOf<InvalidDataException>().With.Message.StartsWith(
                $"{path}: expected the elements of Fashion-MNIST (SHA-256 {_files.TrainLabels.ElementsSha256}), " +
                "found others ("));
    }

    [Test]
    public void LoadOrDraw_DownloadOfOtherContent_Throws()
    {
        using var server = new LocalServer(
            request => LocalServer.Reply.Whole(new byte[_archives[request.Name].Length]));
        Assert.That(
            () => Source(Folders, server.Address).LoadOrDrawAsync(null),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains(_files.TrainImages.ArchiveSha256));
        Assert.That(Directory.GetFiles(_folder["cache"], "*ubyte*"), Is.Empty);
    }

    [Test]
    public void LoadOrDraw_DownloadThatBreaks_Throws()
    {
        using var server = new LocalServer(
            request => LocalServer.Reply.From(_archives[request.Name], request).CutAfter(10));
        Assert.That(
            () => Source(Folders, server.Address).LoadOrDrawAsync(null),
            Throws.TypeOf<DownloadException>().With.Message.Contains(" stopped after 20 of "));
    }

    [Test]
    public void Find_TellsEveryFolderLookedAt()
    {
        Put("system");
        _folder.Write("cache/train-images-idx3-ubyte.gz", [0]);
        var search = Source().Find(null);
        Assert.That((search.Folder, search.MayDownload), Is.EqualTo((_folder["system"], false)));
        Assert.That(
            search.Searched.Select(folder => folder.ToString()),
            Is.EqualTo(new[]
            {
                $"cache: {_folder["cache"]}: missing train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, " +
                "t10k-labels-idx1-ubyte.gz",
                $"system: {_folder["system"]}: found",
            }));
    }

    [Test]
    public void Find_Nowhere_SaysThatADownloadMayFollowAndMakesNoFolder()
    {
        var search = Source().Find(null);
        Assert.That((search.Folder, search.MayDownload), Is.EqualTo(((string?)null, true)));
        Assert.That(search.Searched.Select(folder => folder.Origin), Is.EqualTo((string[])["cache", "system"]));
        Assert.That(Directory.Exists(_folder["cache"]), Is.False);
        Assert.That(_server.Requests, Is.Empty);
    }

    [TestCase("")]
    [TestCase("  ")]
    public void Find_BlankPath_Throws(string path) =>
        Assert.That(() => Source().Find(path), Throws.ArgumentException);

    private static PinnedFile Pin(string name, int headerBytes) =>
        PinnedDownloadTests.Pin(name, _archives[name + ".gz"]) with
        {
            ElementsSha256 = Convert.ToHexStringLower(SHA256.HashData(_plain[name].AsSpan(headerBytes))),
        };

    private void Put(string folder, bool isGzip = false)
    {
        foreach (var (name, content) in isGzip ? _archives : _plain)
            _folder.Write($"{folder}/{name}", content);
    }

    private SourceUnderTest Source(DataFolders? folders = null, Uri? server = null) =>
        new(new FashionMnistSource(
            _files,
            folders ?? Folders,
            new PinnedDownload(
                [server ?? _server.Address],
                DownloadTimeouts.Default with { Pause = TimeSpan.FromMilliseconds(1), Tries = 2 })));

    // The same calls with the arguments most tests leave out.
    private sealed record SourceUnderTest(FashionMnistSource Source)
    {
        public FashionMnistSearch Find(string? path) => Source.Find(path);

        public Task<ImageDataSplits> LoadAsync(string? path, IProgress<DownloadProgress>? progress = null) =>
            Source.LoadAsync(path, progress, CancellationToken.None);

        public Task<ImageDataSplits> LoadOrDrawAsync(string? path) =>
            Source.LoadOrDrawAsync(path, null, CancellationToken.None);
    }
}
