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
        using (var file = new EventFile(_folder["logs"], firstStep: 7))
        {
            file.AddScalar("loss/träin", 0.1, 7);
            file.AddScalar("loss/test", double.NaN, long.MaxValue - 1);
            file.AddHistogram("weights/a.b", EventHistogram.Of([1, 2, 2, 5])!, 300);
            file.Flush();
        }

        var path = Directory.GetFiles(_folder["logs"]).Single();
        Assert.That(Path.GetFileName(path), Does.Match(@"^events\.out\.tfevents\.\d{10}\."));
        var events = LoggedEvent.ReadAll(path);
        Assert.That(events, Has.Count.EqualTo(5));
        Assert.That((events[0].Version, events[0].Step), Is.EqualTo(("brain.Event:2", 0L)));
        Assert.That((events[1].IsStart, events[1].Step), Is.EqualTo((true, 7L)));
        Assert.That((events[2].Tag, events[2].Scalar, events[2].Step), Is.EqualTo(("loss/träin", (double?)0.1f, 7L)));
        Assert.That((events[3].Scalar, events[3].Step), Is.EqualTo(((double?)double.NaN, long.MaxValue - 1)));
        var histogram = events[4].Histogram!;
        Assert.That(
            Enumerable.Range(1, 5).Select(histogram.Double), Is.EqualTo(new double[] { 1, 5, 4, 10, 1 + 4 + 4 + 25 }));
        Assert.That(histogram.Doubles(6), Has.Length.EqualTo(histogram.Doubles(7).Length));
        Assert.That(events.Select(e => e.WallTime), Is.Ordered.And.All.InRange(before, before + 60));
    }

    [Test]
    public void Files_OfOneSecond_AreSeveral_AndReadWhileTheyAreWritten()
    {
        using var first = new EventFile(_folder["logs"], firstStep: 1);
        using var second = new EventFile(_folder["logs"], firstStep: 1);
        second.AddScalar("a", 1, 1);
        second.Flush();
        var counts = Directory.GetFiles(_folder["logs"]).Order(StringComparer.Ordinal).Select(CountWhileOpen);
        Assert.That(counts, Is.EqualTo(new[] { 2, 3 }));
    }

    [Test]
    public void File_MadeAfterTheClockWasSetBack_ComesAfterTheOlderOne()
    {
        const string older = "events.out.tfevents.9000000000.host.1.0";
        Directory.CreateDirectory(_folder["logs"]);
        File.WriteAllText(_folder[$"logs/{older}"], "");
        File.WriteAllText(_folder["logs/events.out.tfevents.of.another.program"], "");
        new EventFile(_folder["logs"], firstStep: 1).Dispose();
        var names = Directory.GetFiles(_folder["logs"]).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToArray();
        Assert.That(names[0], Is.EqualTo(older));
        Assert.That(names[1], Does.StartWith("events.out.tfevents.9000000001."));
    }

    [Test]
    public void Folder_RemovedInBetween_GetsANewFile()
    {
        using var file = new EventFile(_folder["logs"], firstStep: 1);
        file.AddScalar("a", 1, 1);
        file.Flush();
        Directory.Delete(_folder["logs"], recursive: true);
        file.AddScalar("a", 2, 2);
        file.Flush();
        file.AddScalar("a", 3, 3);
        file.Flush();

        var events = LoggedEvent.ReadAll(Directory.GetFiles(_folder["logs"]).Single());
        Assert.That(events[0].Version, Is.Not.Null);
        Assert.That((events[1].IsStart, events[1].Step), Is.EqualTo((true, 2L)));
        Assert.That(LoggedEvent.StepsOf(events, "a"), Is.EqualTo(new[] { 2, 3 }));
    }

    [Test]
    public void Events_ThatCannotBeWritten_WaitForTheNextTime()
    {
        using var file = new EventFile(_folder["logs"], firstStep: 1);
        file.AddScalar("a", 1, 1);
        Directory.Delete(_folder["logs"], recursive: true);
        File.WriteAllText(_folder["logs"], "");
        Assert.That(file.Flush, Throws.InstanceOf<IOException>().With.Message.Contains(_folder["logs"]));
        file.AddScalar("a", 2, 2);
        Assert.That(file.Flush, Throws.InstanceOf<IOException>());
        File.Delete(_folder["logs"]);
        file.Flush();
        Assert.That(LoggedEvent.StepsOf(LoggedEvent.ReadFolder(_folder["logs"]), "a"), Is.EqualTo(new[] { 1, 2 }));
    }

    [Test]
    public void Events_ThatWaitForLong_AreGivenUpFromTheOldestOn()
    {
        using var file = new EventFile(_folder["logs"], firstStep: 1);
        var tag = new string('t', 1 << 20);
        for (var step = 1; step <= 40; step++)
            file.AddScalar(tag, step, step);
        file.Flush();
        var steps = LoggedEvent.StepsOf(LoggedEvent.ReadFolder(_folder["logs"]), tag);
        Assert.That(steps, Is.EqualTo(Enumerable.Range(26, 15)));
    }

    [Test]
    public void LoggedSteps_AreThoseThatReadersSee()
    {
        Assert.That(LoggedSteps.Of(_folder["logs"], "a"), Is.Empty);
        Log(firstStep: 1, steps: [1, 2, 3]);
        // A reader goes no further in a file than to what is torn.
        File.AppendAllText(Directory.GetFiles(_folder["logs"]).Single(), "torn");
        Log(firstStep: 3, steps: [5]);
        Log(firstStep: 6, steps: [6, 7]);
        Log(firstStep: 7, steps: []);
        Assert.That(LoggedSteps.Of(_folder["logs"], "a"), Is.EquivalentTo(new[] { 1, 2, 5, 6 }));
        Assert.That(LoggedSteps.Of(_folder["logs"], "b"), Is.Empty);
    }

    [Test]
    public void Folder_ThatCannotBeMade_IsNamed()
    {
        File.WriteAllText(_folder["file"], "");
        Assert.That(
            () => new EventFile(_folder["file/logs"], firstStep: 1), Throws.InstanceOf<IOException>().With.Message.Contains("file"));
    }

    [Test]
    public void Reader_NoticesEveryChangedByte()
    {
        Log(firstStep: 1, steps: [1]);
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

    private void Log(long firstStep, long[] steps)
    {
        using var file = new EventFile(_folder["logs"], firstStep);
        foreach (var step in steps)
            file.AddScalar("a", step, step);
        file.Flush();
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
