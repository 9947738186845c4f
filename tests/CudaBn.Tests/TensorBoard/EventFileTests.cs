using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.TensorBoard;

public class EventFileTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    // The check value of the CRC catalogues, and the examples of RFC 3720, B.4.
    [TestCase("313233343536373839", 0xe3069283u)]
    [TestCase("0000000000000000000000000000000000000000000000000000000000000000", 0x8a9136aau)]
    [TestCase("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 0x62a8ab43u)]
    [TestCase("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0x46dd794eu)]
    [TestCase("", 0u)]
    public void Crc_IsThatOfTheKnownExamples(string hexadecimal, uint expected)
    {
        var bytes = Convert.FromHexString(hexadecimal);
        Assert.That(TfRecordFile.Crc32C(bytes), Is.EqualTo(expected));
        Assert.That(MaskedCrc32C.Of(bytes), Is.EqualTo(TfRecordFile.Masked(expected)));
    }

    [Test]
    public void Crc_OfEveryLength_IsThatBitByBit([Range(0, 40)] int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        Assert.That(MaskedCrc32C.Of(bytes), Is.EqualTo(TfRecordFile.Masked(TfRecordFile.Crc32C(bytes))));
    }

    [Test]
    public void Events_AreReadBack()
    {
        var before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;
        using (var file = new EventFile(_folder["logs"]))
        {
            file.AddScalar("loss/träin", 0.1, 7);
            file.AddScalar("loss/test", double.NaN, long.MaxValue);
            file.AddHistogram("weights/a.b", EventHistogram.Of([1, 2, 2, 5])!, 300);
        }

        var path = Directory.GetFiles(_folder["logs"]).Single();
        Assert.That(Path.GetFileName(path), Does.Match(@"^events\.out\.tfevents\.\d{10}\."));
        var events = LoggedEvent.ReadAll(path);
        Assert.That(events, Has.Count.EqualTo(4));
        Assert.That((events[0].Version, events[0].Step), Is.EqualTo(("brain.Event:2", 0L)));
        Assert.That((events[1].Tag, events[1].Scalar, events[1].Step), Is.EqualTo(("loss/träin", (double?)0.1f, 7L)));
        Assert.That((events[2].Scalar, events[2].Step), Is.EqualTo(((double?)double.NaN, long.MaxValue)));
        var histogram = events[3].Histogram!;
        Assert.That(
            Enumerable.Range(1, 5).Select(histogram.Double), Is.EqualTo(new double[] { 1, 5, 4, 10, 1 + 4 + 4 + 25 }));
        Assert.That(histogram.Doubles(6), Has.Length.EqualTo(histogram.Doubles(7).Length));
        Assert.That(events.Select(e => e.WallTime), Is.Ordered.And.All.InRange(before, before + 60));
    }

    [Test]
    public void Files_OfOneSecond_AreSeveral_AndReadWhileTheyAreWritten()
    {
        using var first = new EventFile(_folder["logs"]);
        using var second = new EventFile(_folder["logs"]);
        second.AddScalar("a", 1, 1);
        second.Flush();
        var counts = Directory.GetFiles(_folder["logs"]).Select(CountWhileOpen).Order();
        Assert.That(counts, Is.EqualTo(new[] { 1, 2 }));
    }

    [Test]
    public void Folder_ThatCannotBeMade_IsNamed()
    {
        File.WriteAllText(_folder["file"], "");
        Assert.That(
            () => new EventFile(_folder["file/logs"]), Throws.InstanceOf<IOException>().With.Message.Contains("file"));
    }

    [Test]
    public void Reader_NoticesEveryChangedByte()
    {
        using (var file = new EventFile(_folder["logs"]))
            file.AddScalar("a", 1, 1);
        var path = Directory.GetFiles(_folder["logs"]).Single();
        var bytes = File.ReadAllBytes(path);
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] ^= 0x10;
            File.WriteAllBytes(path, bytes);
            Assert.That(() => TfRecordFile.Read(path), Throws.TypeOf<InvalidDataException>(), $"byte {i}");
            bytes[i] ^= 0x10;
        }
    }

    // A writer still has the file.
    private static int CountWhileOpen(string path)
    {
        var copy = path + ".copy";
        using (var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        using (var to = File.Create(copy))
            stream.CopyTo(to);
        return LoggedEvent.ReadAll(copy).Count;
    }
}
