using NUnit.Framework;

namespace CudaBn.Tests.Data;

public class FashionMnistOfflineTests
{
    private TestFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TestFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Find_DownloadsForbidden_ForeseesNone() =>
        Assert.That(Source(named: null).Find(null), Has.Property("MayDownload").False);

    [Test]
    public async Task LoadOrDraw_DownloadsForbidden_DrawsAndSaysWhy()
    {
        var data = await Source(named: null).LoadOrDrawAsync(null, null, CancellationToken.None);
        Assert.That(data.IsBuiltIn, Is.True);
        Assert.That(data.Notice, Does.Contain("CUDABN_OFFLINE"));
        Assert.That(Directory.Exists(_folder["cache"]), Is.False);
    }

    [Test]
    public void Load_DownloadsForbidden_Throws() =>
        Assert.That(
            () => Source(named: null).LoadAsync(null, null, CancellationToken.None),
            Throws.InstanceOf<DownloadException>().With.Property("IsUnavailable").True);

    [Test]
    public void LoadOrDraw_FolderNamedButEmpty_StillThrows() =>
        Assert.That(
            () => Source(named: _folder["named"]).LoadOrDrawAsync(null, null, CancellationToken.None),
            Throws.InstanceOf<FileNotFoundException>().With.Message.Contains(_folder["named"]));

    [TestCase(PlatformID.Unix, "/elsewhere", "/elsewhere")]
    [TestCase(PlatformID.Win32NT, "/elsewhere", "/elsewhere")]
    [TestCase(PlatformID.Unix, "", "/usr/share/datasets/fashion-mnist")]
    public void System_IsWhatTheVariableNames(PlatformID platform, string value, string expected) =>
        Assert.That(
            DataFolders.For(platform, name => name == "CUDABN_SYSTEM_DATA" ? value : null, "/home/me", "fashion-mnist").System,
            Is.EqualTo(expected));

    private FashionMnistSource Source(string? named) => new(
        FashionMnistFiles.Published,
        new DataFolders(named, _folder["cache"], _folder["system"]),
        download: null);
}
