using NUnit.Framework;

namespace CudaBn.Tests.Data;

/// <summary>Many damaged files: each is read rightly or refused by name and offset, and costs memory as it has
/// bytes.</summary>
public class Cifar10CorruptionTests
{
    private const int Files = 2000;
    private const int Record = Cifar10Bytes.RecordLength;

    [TestCase(0, 0, "records of 3073 bytes, found an empty file")]
    [TestCase(1, 0, "a whole record of 3073 bytes, found the end after 1")]
    [TestCase(3072, 0, "a whole record of 3073 bytes, found the end after 3072")]
    [TestCase(3074, 3073, "a whole record of 3073 bytes, found the end after 1")]
    [TestCase(3 * 3073 - 1, 2 * 3073, "a whole record of 3073 bytes, found the end after 3072")]
    public void File_OfAnotherLength_IsRefused(int length, int offset, string message)
    {
        using var folder = new TestFolder();
        var path = folder.Write("data_batch_1.bin", Cifar10Bytes.File(1, 1, 2, 3, 4).AsSpan(0, length));
        Assert.That(
            () => Read(path),
            Throws.TypeOf<InvalidDataException>().With.Message.EqualTo($"{path}: offset {offset}: expected {message}."));
    }

    [Test]
    public void Label_WithoutClass_IsRefusedWithItsPlace()
    {
        using var folder = new TestFolder();
        var good = folder.Write("data_batch_1.bin", Cifar10Bytes.File(1, 0, 9));
        var bad = folder.Write("data_batch_2.bin", Cifar10Bytes.File(2, 0, 9, 10, 11));
        Assert.That(
            () => Cifar10Reader.Read([good, bad], Cifar10.ClassNames),
            Throws.TypeOf<InvalidDataException>().With.Message.EqualTo(
                $"{bad}: offset 6146: expected a label of 0 to 9, found 10 in record 2."));
    }

    [Test]
    public void File_LargerThanAnArray_IsRefusedBeforeMemoryIsTaken()
    {
        using var folder = new TestFolder();
        var path = folder["sparse.bin"];
        using (var file = new FileStream(path, FileMode.CreateNew))
            file.SetLength(700_000L * Record);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(
            () => Read(path), Throws.TypeOf<InvalidDataException>().With.Message.Contains("at most 699050 records"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1 << 20));
    }

    [Test]
    public void DamagedFiles_AreReadAsTheirBytesSayOrRefused()
    {
        var random = new Random(21);
        using var folder = new TestFolder();
        var (read, refused) = (0, 0);
        for (var i = 0; i < Files; i++)
        {
            var file = Damaged(random);
            var isSound = file.Length > 0 && file.Length % Record == 0
                && Enumerable.Range(0, file.Length / Record).All(record => file[record * Record] <= 9);
            var path = folder.Write("data_batch_1.bin", file);
            var before = GC.GetAllocatedBytesForCurrentThread();
            if (isSound)
            {
                read++;
                var images = Read(path);
                Assert.That(images.Count, Is.EqualTo(file.Length / Record));
                for (var record = 0; record < images.Count; record++)
                    Assert.That(
                        images.Image(record).SequenceEqual(file.AsSpan(record * Record + 1, Record - 1)), Is.True, $"{i}");
            }
            else
            {
                refused++;
                Assert.That(
                    () => Read(path),
                    Throws.TypeOf<InvalidDataException>().With.Message.StartsWith($"{path}: offset "), $"file {i}");
            }

            // Of a file, its bytes and a buffer.
            Assert.That(
                GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(file.Length + (1 << 20)), $"file {i}");
        }

        Assert.That((read, refused), Is.EqualTo((Files - refused, Files - read)));
        Assert.That(read, Is.GreaterThan(Files / 10), "too few readable files to test anything");
        Assert.That(refused, Is.GreaterThan(Files / 2), "too few refused files to test anything");
    }

    private static byte[] Damaged(Random random)
    {
        var labels = new byte[random.Next(1, 5)];
        for (var i = 0; i < labels.Length; i++)
            labels[i] = (byte)random.Next(10);
        var file = new List<byte>(Cifar10Bytes.File(random.Next(), labels));
        for (var changes = random.Next(0, 3); changes > 0 && file.Count > 0; changes--)
        {
            var at = random.Next(file.Count);
            switch (random.Next(6))
            {
                case 0:
                    file[at / Record * Record] = (byte)random.Next(256);
                    break;
                case 1:
                    file.RemoveRange(at, file.Count - at);
                    break;
                case 2:
                    file.InsertRange(at, new byte[random.Next(1, 40)]);
                    break;
                case 3:
                    file.RemoveRange(at, Math.Min(random.Next(1, 5), file.Count - at));
                    break;
                case 4:
                    file.AddRange(new byte[random.Next(2) == 0 ? Record : random.Next(1, Record)]);
                    break;
                case 5:
                    file[at] ^= 0x5A;
                    break;
            }
        }

        return [.. file];
    }

    private static ImageDataset Read(string path) => Cifar10Reader.Read([path], Cifar10.ClassNames);
}
