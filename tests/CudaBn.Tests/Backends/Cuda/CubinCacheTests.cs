using System.Runtime.Versioning;
using CudaBn.Backends.Cuda;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public class CubinCacheTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private static readonly byte[] Content = [.. Enumerable.Range(0, 1000).Select(i => (byte)(i * 7))];

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Read_AfterWrite_GivesTheContent()
    {
        Stored();
        Assert.That(CubinCache.In(_folder["cache"]).Read(Key), Is.EqualTo(Content), "another cache in the folder");
        Assert.That(Directory.GetFiles(_folder["cache"]), Has.Length.EqualTo(1), "nothing is left beside it");
    }

    [Test]
    public void Read_OfAnotherKey_GivesNothing() =>
        Assert.That(Stored().Read([.. Key.Reverse()]), Is.Null);

    [Test]
    public void Read_AnyByteChanged_GivesNothing()
    {
        var cache = Stored();
        var file = TheFile();
        var whole = File.ReadAllBytes(file);
        for (var i = 0; i < whole.Length; i += i < 80 ? 1 : 97)
        {
            var damaged = (byte[])whole.Clone();
            damaged[i] ^= 1;
            File.WriteAllBytes(file, damaged);
            Assert.That(cache.Read(Key), Is.Null, $"byte {i}");
        }
    }

    [Test]
    public void Read_CutOffAnywhereOrTooLong_GivesNothing()
    {
        var cache = Stored();
        var file = TheFile();
        var whole = File.ReadAllBytes(file);
        for (var length = 0; length < whole.Length; length += length < 80 ? 1 : 97)
        {
            File.WriteAllBytes(file, whole[..length]);
            Assert.That(cache.Read(Key), Is.Null, $"{length} bytes");
        }

        File.WriteAllBytes(file, [.. whole, 0]);
        Assert.That(cache.Read(Key), Is.Null, "one byte more");
    }

    [Test]
    public void Read_OfAFileUnderAnotherName_GivesNothing()
    {
        var cache = Stored();
        byte[] other = [.. Key.Reverse()];
        File.Move(TheFile(), Path.Combine(_folder["cache"], Convert.ToHexStringLower(other) + ".cubin"));
        Assert.That(cache.Read(other), Is.Null);
    }

    [Test]
    public void Write_OverADamagedFile_MendsIt()
    {
        var cache = Stored();
        File.WriteAllBytes(TheFile(), [1, 2, 3]);
        cache.Write(Key, Content);
        Assert.That(cache.Read(Key), Is.EqualTo(Content));
    }

    [Test]
    public void Write_FromManyThreads_NeverShowsAPart()
    {
        var cache = CubinCache.In(_folder["cache"]);
        Parallel.For(0, 64, i =>
        {
            cache.Write(Key, Content);
            Assert.That(cache.Read(Key), Is.EqualTo(Content), $"{i}");
        });
        Assert.That(cache.Problem, Is.Null);
    }

    // Elsewhere the folder inherits the rights of the user's own.
    [Test]
    [Platform(Exclude = "Win")]
    [UnsupportedOSPlatform("windows")]
    public void In_ANewFolder_IsOpenToItsUserAlone()
    {
        var cache = CubinCache.In(_folder["cache"]);
        Assert.That(cache.Folder, Is.EqualTo(_folder["cache"]));
        Assert.That(
            File.GetUnixFileMode(_folder["cache"]),
            Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
    }

    [TestCase(UnixFileMode.GroupWrite)]
    [TestCase(UnixFileMode.OtherWrite)]
    [Platform(Exclude = "Win")]
    [UnsupportedOSPlatform("windows")]
    public void In_AFolderOthersWriteTo_KeepsNothing(UnixFileMode mode)
    {
        Stored();
        File.SetUnixFileMode(_folder["cache"], File.GetUnixFileMode(_folder["cache"]) | mode);
        var cache = CubinCache.In(_folder["cache"]);
        Assert.That(cache.Folder, Is.Null);
        Assert.That(cache.Problem, Does.Contain("others can write"));
        Assert.That(cache.Read(Key), Is.Null);
        cache.Write(Key, Content);
    }

    [Test]
    public void In_APlaceThatCannotBeAFolder_KeepsNothingAndSaysWhy()
    {
        File.WriteAllText(_folder["file"], "in the way");
        var cache = CubinCache.In(Path.Combine(_folder["file"], "cache"));
        Assert.That(cache.Folder, Is.Null);
        Assert.That(cache.Problem, Does.Contain(_folder["file"]));
    }

    [Test]
    public void Write_WhereTheFolderIsGone_SaysWhy()
    {
        var cache = Stored();
        Directory.Delete(_folder["cache"], recursive: true);
        cache.Write(Key, Content);
        Assert.That(cache.Problem, Does.Contain("cannot write"));
        Assert.That(cache.Read(Key), Is.Null);
    }

    private string TheFile() => Directory.GetFiles(_folder["cache"]).Single();

    private CubinCache Stored()
    {
        var cache = CubinCache.In(_folder["cache"]);
        cache.Write(Key, Content);
        Assert.That(cache.Problem, Is.Null);
        return cache;
    }
}
