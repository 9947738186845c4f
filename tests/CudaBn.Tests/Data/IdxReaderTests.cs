using NUnit.Framework;

namespace CudaBn.Tests.Data;

public class IdxReaderTests
{
    private static readonly byte[] _pixels = IdxBytes.Random(1, 5 * 4 * 3);

    private static IdxImages ReadImages(byte[] file) => IdxReader.ReadImages(new MemoryStream(file), "a.idx");

    private static string Refusal(byte[] file)
    {
        var message = Assert.Throws<InvalidDataException>(() => ReadImages(file))!.Message;
        Assert.That(message, Does.StartWith("a.idx: offset ").And.Not.Contains("\n"));
        return message;
    }

    [Test]
    public void ReadImages_PlainAndGzip_GiveSizesAndPixels([Values] bool isGzip)
    {
        var file = IdxBytes.Images(5, 4, 3, _pixels);
        var images = ReadImages(isGzip ? IdxBytes.Gzip(file) : file);
        Assert.That((images.Count, images.Height, images.Width), Is.EqualTo((5, 4, 3)));
        Assert.That(images.Pixels.ToArray(), Is.EqualTo(_pixels));
    }

    [Test]
    public void ReadLabels_PlainAndGzip_GiveLabels([Values] bool isGzip)
    {
        using var folder = new TestFolder();
        var file = IdxBytes.Labels([3, 1, 2]);
        // The name says the opposite of the content on purpose.
        var path = folder.Write(isGzip ? "labels" : "labels.gz", isGzip ? IdxBytes.Gzip(file) : file);
        Assert.That(IdxReader.ReadLabels(path), Is.EqualTo(new byte[] { 3, 1, 2 }));
    }

    [Test]
    public void ReadImages_GzipOfManyPieces_GivesAllPixels([Values(65_536, 65_537, 262_144, 700_001)] int count)
    {
        var pixels = IdxBytes.Random(2, count);
        Assert.That(
            ReadImages(IdxBytes.Gzip(IdxBytes.Images(count, 1, 1, pixels))).Pixels.Span.SequenceEqual(pixels), Is.True);
    }

    [Test]
    public void ReadImages_StreamNotAtItsStart_ReadsFromWhereItStands()
    {
        using var stream = new MemoryStream([1, 2, 3, .. IdxBytes.Images(5, 4, 3, _pixels)]) { Position = 3 };
        Assert.That(IdxReader.ReadImages(stream, "a.idx").Pixels.ToArray(), Is.EqualTo(_pixels));
    }

    [Test]
    public void ReadImages_StreamThatCannotSeek_Throws()
    {
        using var stream = new System.IO.Compression.DeflateStream(
            new MemoryStream(), System.IO.Compression.CompressionMode.Decompress);
        Assert.That(
            () => IdxReader.ReadImages(stream, "a.idx"), Throws.ArgumentException.With.Message.Contains("a.idx"));
    }

    [Test]
    public void ReadImages_Empty_Throws() =>
        Assert.That(Refusal([]), Is.EqualTo("a.idx: offset 0: expected a header of 16 bytes, found the end after 0."));

    [Test]
    public void ReadImages_HeaderCut_Throws() =>
        Assert.That(
            Refusal(IdxBytes.Images(5, 4, 3, _pixels)[..9]),
            Is.EqualTo("a.idx: offset 9: expected a header of 16 bytes, found the end after 9."));

    [TestCase(0x00000801u, "unsigned bytes, 1 dimension)")]
    [TestCase(0x00000D03u, "32-bit floats, 3 dimensions)")]
    [TestCase(0x00000703u, "an unknown element type, 3 dimensions)")]
    [TestCase(0x89504E47u, "not IDX)")]
    public void ReadImages_OtherMagic_SaysWhatItFound(uint magic, string found)
    {
        var message = Refusal([.. IdxBytes.Header(magic, 5, 4, 3), .. _pixels]);
        Assert.That(
            message,
            Does.StartWith("a.idx: offset 0: expected magic 0x00000803 (unsigned bytes, 3 dimensions), found 0x")
                .And.Contains($"0x{magic:X8}").And.EndsWith(found + "."));
    }

    [Test]
    public void ReadLabels_FileOfImages_SaysSo() =>
        Assert.That(
            () => IdxReader.ReadLabels(new MemoryStream(IdxBytes.Images(5, 4, 3, _pixels)), "b"),
            Throws.TypeOf<InvalidDataException>().With.Message.EqualTo(
                "b: offset 0: expected magic 0x00000801 (unsigned bytes, 1 dimension), " +
                "found 0x00000803 (unsigned bytes, 3 dimensions)."));

    [TestCase(0u, 4u, 3u, 4)]
    [TestCase(5u, 0u, 3u, 8)]
    [TestCase(5u, 4u, 0x80000000u, 12)]
    public void ReadImages_DimensionZeroOrHuge_NamesItsOffset(uint count, uint height, uint width, int offset) =>
        Assert.That(
            Refusal([.. IdxBytes.Header(0x803, count, height, width), .. _pixels]),
            Does.StartWith($"a.idx: offset {offset}: expected a dimension of 1 to 2147483647, found "));

    [Test]
    public void ReadImages_ProductBeyond64Bits_Throws() =>
        Assert.That(
            Refusal([.. IdxBytes.Header(0x803, 0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF), .. _pixels]),
            Does.StartWith("a.idx: offset 4: expected at most ")
                .And.EndsWith("2147483647 x 2147483647 x 2147483647 = 9903520300447984150353281023."));

    [Test]
    public void ReadImages_PlainTruncatedOrOversized_NamesBothSizes()
    {
        var file = IdxBytes.Images(5, 4, 3, _pixels);
        Assert.That(
            Refusal(file[..^1]),
            Is.EqualTo("a.idx: offset 16: expected 60 bytes of content, as the header says, found 59."));
        Assert.That(
            Refusal([.. file, 0]),
            Is.EqualTo("a.idx: offset 16: expected 60 bytes of content, as the header says, found 61."));
    }

    [Test]
    public void ReadImages_GzipOfTruncatedOrOversized_NamesThePlace()
    {
        var file = IdxBytes.Images(5, 4, 3, _pixels);
        Assert.That(
            Refusal(IdxBytes.Gzip(file.AsSpan(0, file.Length - 1))),
            Is.EqualTo(
                "a.idx: offset 75 of the decompressed content: expected 60 bytes of content, as the header says, " +
                "found the end after 59."));
        Assert.That(
            Refusal(IdxBytes.Gzip([.. file, 0])),
            Is.EqualTo(
                "a.idx: offset 76 of the decompressed content: expected the end after 60 bytes of content, " +
                "found more."));
    }

    [Test]
    public void ReadImages_GzipCutAnywhere_Throws()
    {
        var file = IdxBytes.Gzip(IdxBytes.Images(5, 4, 3, _pixels));
        for (var length = 0; length < file.Length; length++)
            Refusal(file[..length]);
    }

    [Test]
    public void ReadImages_GzipWithBytesBehindIt_Throws() =>
        Assert.That(
            Refusal([.. IdxBytes.Gzip(IdxBytes.Images(5, 4, 3, _pixels)), 1, 2, 3, 4]),
            Does.EndWith(
                "expected the gzip data to end here on the length of its content, 76, found 67305985."));

    [Test]
    public void ReadImages_GzipWithAnotherCheckSum_Throws()
    {
        var file = IdxBytes.Gzip(IdxBytes.Images(5, 4, 3, _pixels));
        file[^8] ^= 1;
        Assert.That(Refusal(file), Does.Contain("expected sound gzip data, found corrupt"));
    }

    [Test]
    public void ReadImages_MissingFile_NamesIt()
    {
        using var folder = new TestFolder();
        Assert.That(
            () => IdxReader.ReadImages(folder["none.idx"]),
            Throws.TypeOf<FileNotFoundException>().With.Message.Contains("none.idx"));
    }

    [Test]
    public void ReadImages_HeaderPromisesGigabytes_AllocatesLittle([Values] bool isGzip)
    {
        byte[] promise = [.. IdxBytes.Header(0x803, 60_000, 200, 170), .. _pixels];
        var file = isGzip ? IdxBytes.Gzip(promise) : promise;
        Refusal(file);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refusal(file);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1 << 18));
    }

    [Test]
    public void ReadImages_GzipOfMoreThanPromised_StopsEarly()
    {
        var bomb = IdxBytes.Gzip([.. IdxBytes.Header(0x803, 2, 1, 1), .. new byte[64 << 20]]);
        using var stream = new MemoryStream(bomb);
        Assert.That(() => IdxReader.ReadImages(stream, "bomb"), Throws.TypeOf<InvalidDataException>());
        Assert.That(stream.Position, Is.LessThan(bomb.Length / 2));
    }
}
