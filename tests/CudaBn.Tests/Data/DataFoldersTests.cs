using NUnit.Framework;

namespace CudaBn.Tests.Data;

public class DataFoldersTests
{
    [TestCase(PlatformID.Unix, "", "/home/me/.cache/cudabn/fashion-mnist")]
    [TestCase(PlatformID.Unix, "XDG_CACHE_HOME=/var/me", "/var/me/cudabn/fashion-mnist")]
    [TestCase(PlatformID.Unix, "XDG_CACHE_HOME=relative", "/home/me/.cache/cudabn/fashion-mnist")]
    [TestCase(PlatformID.Unix, "XDG_CACHE_HOME=", "/home/me/.cache/cudabn/fashion-mnist")]
    [TestCase(PlatformID.MacOSX, "XDG_CACHE_HOME=/var/me", "/home/me/Library/Caches/cudabn/fashion-mnist")]
    [TestCase(PlatformID.Win32NT, "LOCALAPPDATA=/appdata", "/appdata/cudabn/fashion-mnist")]
    [TestCase(PlatformID.Win32NT, "", null)]
    public void Cache_IsWhereThePlatformKeepsIt(PlatformID platform, string variable, string? expected) =>
        Assert.That(Folders(platform, variable).Cache?.Replace('\\', '/'), Is.EqualTo(expected));

    [Test]
    public void Cache_NoHomeFolder_IsNone() =>
        Assert.That(DataFolders.For(PlatformID.Unix, _ => null, home: "", "fashion-mnist").Cache, Is.Null);

    [TestCase("", null)]
    [TestCase("CUDABN_DATA=", null)]
    [TestCase("CUDABN_DATA=/data", "/data")]
    public void Environment_IsWhatTheVariableNames(string variable, string? expected) =>
        Assert.That(Folders(PlatformID.Unix, variable).Environment, Is.EqualTo(expected));

    [Test]
    public void System_IsDebiansExceptOnWindows()
    {
        Assert.That(Folders(PlatformID.Unix, "").System, Is.EqualTo("/usr/share/datasets/fashion-mnist"));
        Assert.That(Folders(PlatformID.Win32NT, "").System, Is.Null);
    }

    private static DataFolders Folders(PlatformID platform, string variable) =>
        DataFolders.For(
            platform,
            name => variable.StartsWith(name + "=", StringComparison.Ordinal) ? variable[(name.Length + 1)..] : null,
            home: "/home/me",
            "fashion-mnist");
}
