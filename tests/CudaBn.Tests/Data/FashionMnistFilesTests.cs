using System.Buffers.Binary;
using System.Text;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Data;

/// <summary>The genuine files, as Debian's package dataset-fashion-mnist has them.</summary>
public class FashionMnistFilesTests
{
    private const string Folder = "/usr/share/datasets/fashion-mnist";

    [SetUp]
    public void RequireFiles() => GenuineData.Require(Folder);

    [Test]
    public void Load_GenuineFiles_HasTheKnownImagesAndLabels()
    {
        var loaded = FashionMnist.Load(Folder);
        Assert.That((loaded.Name, loaded.Source, loaded.IsBuiltIn), Is.EqualTo(("Fashion-MNIST", Folder, false)));
        Assert.That((loaded.Train.Count, loaded.Test.Count), Is.EqualTo((60_000, 10_000)));
        Assert.That((loaded.Train.Channels, loaded.Train.Height, loaded.Train.Width), Is.EqualTo((1, 28, 28)));
        Assert.That(loaded.Train.Labels[..10].ToArray(), Is.EqualTo(new byte[] { 9, 0, 0, 3, 0, 2, 7, 2, 5, 5 }));
        Assert.That(loaded.Test.Labels[..10].ToArray(), Is.EqualTo(new byte[] { 9, 2, 1, 1, 6, 1, 4, 6, 5, 7 }));
        foreach (var (set, perClass) in new[] { (loaded.Train, 6000), (loaded.Test, 1000) })
            Assert.That(
                set.Labels.ToArray().CountBy(label => label).Select(count => count.Value),
                Is.EqualTo(Enumerable.Repeat(perClass, 10)));
        // The published mean pixel of the training images, 0.2860 of 255.
        var sum = 0L;
        foreach (var pixel in loaded.Train.Images.Span)
            sum += pixel;
        Assert.That(sum / (255.0 * loaded.Train.Images.Length), Is.EqualTo(0.2860).Within(0.00005));
    }

    // Debian's files are the published ones without name and time in the gzip header. Put back, they must have the
    // pinned lengths and hashes, or no download would ever be accepted.
    [Test]
    public async Task Download_PublishedFilesRebuilt_IsAccepted()
    {
        var published = FashionMnistFiles.Published;
        var archives = new Dictionary<string, byte[]>
        {
            [published.TrainImages.ArchiveName] = Rebuild(published.TrainImages, 1504176606),
            [published.TrainLabels.ArchiveName] = Rebuild(published.TrainLabels, 1504176606),
            [published.TestImages.ArchiveName] = Rebuild(published.TestImages, 1504176627),
            [published.TestLabels.ArchiveName] = Rebuild(published.TestLabels, 1504176627),
        };
        using var folder = new TestFolder();
        using var server = new LocalServer(LocalServer.Files(archives));
        await new PinnedDownload([server.Address], DownloadTimeouts.Default)
            .FetchAsync(folder["cache"], published.All, progress: null, CancellationToken.None);
        foreach (var (name, archive) in archives)
            Assert.That(File.ReadAllBytes(folder["cache/" + name]).AsSpan().SequenceEqual(archive), Is.True, name);
    }

    private static byte[] Rebuild(PinnedFile file, uint modified)
    {
        var stripped = File.ReadAllBytes(Path.Combine(Folder, file.ArchiveName));
        const byte hasName = 8;
        byte[] header = [0x1F, 0x8B, 8, hasName, 0, 0, 0, 0, 0, 3];
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), modified);
        return [.. header, .. Encoding.ASCII.GetBytes(file.Name), 0, .. stripped.AsSpan(header.Length)];
    }
}
