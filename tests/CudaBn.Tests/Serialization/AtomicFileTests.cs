using CudaBn.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

[TestFixture]
public class AtomicFileTests
{
    [Test]
    public void Write_NewAndExistingFile_LeavesTheContentAlone()
    {
        using var folder = new TemporaryFolder();

        AtomicFile.Write(folder["a"], stream => stream.Write([1, 2, 3]));
        AtomicFile.Write(folder["a"], stream => stream.Write([4]));

        Assert.That(File.ReadAllBytes(folder["a"]), Is.EqualTo(new byte[] { 4 }));
        Assert.That(folder.FileNames(), Is.EqualTo(["a"]));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Windows flushes no folders.")]
    public void FolderFlush_FolderMissing_Throws()
    {
        using var folder = new TemporaryFolder();
        FolderFlush.Flush(folder[""]);
        Assert.That(
            () => FolderFlush.Flush(folder["missing"]),
            Throws.TypeOf<IOException>().With.Message.StartsWith($"cannot flush {folder["missing"]}: "));
    }

    [Test]
    public void RemoveLeftovers_OfAnotherUser_AreLeftAlone()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder[".cudabn-1.tmp"], "");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(folder[".cudabn-1.tmp"], UnixFileMode.None);
        Assert.That(() => AtomicFile.RemoveLeftovers(folder[""]), Throws.Nothing);
    }

    [Test]
    public void Write_UntilTheEnd_TheTargetIsTheOldOne()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["a"], [9]);

        AtomicFile.Write(folder["a"], stream =>
        {
            stream.Write(new byte[200_000]);
            stream.Flush();
            Assert.That(File.ReadAllBytes(folder["a"]), Is.EqualTo(new byte[] { 9 }));
        });

        Assert.That(new FileInfo(folder["a"]).Length, Is.EqualTo(200_000));
    }

    [Test]
    public void Write_ContentThrows_LeavesTheTargetUnharmed()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["a"], [9]);

        Assert.That(
            () => AtomicFile.Write(folder["a"], stream =>
            {
                stream.Write(new byte[200_000]);
                throw new FormatException("halfway");
            }),
            Throws.TypeOf<FormatException>().With.Message.EqualTo("halfway"));

        Assert.That(File.ReadAllBytes(folder["a"]), Is.EqualTo(new byte[] { 9 }));
        Assert.That(folder.FileNames(), Is.EqualTo(["a"]));
    }

    [Test]
    public void Write_FolderMissing_NamesTheTarget()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder["missing"], "a");

        Assert.That(() => AtomicFile.Write(path, stream => stream.WriteByte(1)),
            Throws.InstanceOf<IOException>().With.Message.StartsWith($"cannot write {path}: "));
    }

    [Test]
    public void Write_TargetIsAFolder_ThrowsAndLeavesNothing()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["a"]);

        Assert.That(() => AtomicFile.Write(folder["a"], stream => stream.WriteByte(1)),
            Throws.InstanceOf<IOException>().With.Message.StartsWith($"cannot write {folder["a"]}: "));

        Assert.That(folder.FileNames(), Is.Empty);
    }

    [Test]
    public void Write_LongestName_Works()
    {
        using var folder = new TemporaryFolder();
        var name = new string('n', 255);

        AtomicFile.Write(folder[name], stream => stream.WriteByte(1));

        Assert.That(folder.FileNames(), Is.EqualTo([name]));
    }
}
