using CudaBn.Tests.Core;
using NUnit.Framework;

namespace CudaBn.Tests.Data;

public class Cifar10Tests
{
    private static readonly Dictionary<string, byte[]> _files = Cifar10Bytes.Small();

    private TestFolder _folder = null!;

    private DataFolders Folders => new(null, _folder["cache"], _folder["system"]);

    [SetUp]
    public void MakeFolder() => _folder = new TestFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Load_FolderGiven_HoldsEveryRecordInOrder()
    {
        Put("given");
        var data = Cifar10.Load(_folder["given"]);

        Assert.That((data.Name, data.Source, data.IsBuiltIn), Is.EqualTo(("CIFAR-10", _folder["given"], false)));
        CheckRecords(data.Train, [.. Cifar10Bytes.FileNames[..5].SelectMany(name => _files[name])]);
        CheckRecords(data.Test, _files["test_batch.bin"]);
        Assert.That(data.Train.ClassNames, Is.EqualTo(new[]
        {
            "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
        }));
        Assert.That(data.Train.Labels.ToArray()[..6], Is.EqualTo(new byte[] { 9, 8, 7, 6, 5, 4 }));
    }

    [Test]
    public void Load_GenuineSize_IsReadWhole()
    {
        // A training file as published: 10,000 records, 30 MB.
        var labels = Enumerable.Range(0, 10_000).Select(i => (byte)(i % 10)).ToArray();
        foreach (var name in Cifar10Bytes.FileNames)
            _folder.Write($"given/{name}", _files[name]);
        var file = Cifar10Bytes.File(8, labels);
        _folder.Write("given/test_batch.bin", file);

        CheckRecords(Cifar10.Load(_folder["given"]).Test, file);
    }

    [Test]
    public void Load_ArchiveExtractedThere_IsFoundInItsFolder()
    {
        Put("given/cifar-10-batches-bin");
        var data = Cifar10.Load(_folder["given"]);
        Assert.That(data.Source, Is.EqualTo(_folder["given/cifar-10-batches-bin"]));
        Assert.That((data.Train.Count, data.Test.Count), Is.EqualTo((15, 4)));
    }

    [Test]
    public void Load_MetaFile_NamesTheClasses()
    {
        Put("given");
        _folder.Write("given/batches.meta.txt", "a\nb\nc d\ne\nf\r\ng\nh\ni\nj\nk\n\n"u8);
        Assert.That(
            Cifar10.Load(_folder["given"]).Test.ClassNames,
            Is.EqualTo(new[] { "a", "b", "c d", "e", "f", "g", "h", "i", "j", "k" }));
    }

    [TestCase("a\nb\n", "10 classes", "found 2")]
    [TestCase("", "10 classes", "found 0")]
    [TestCase("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk", "10 classes", "found 11")]
    public void Load_MetaFileOfOtherClasses_Throws(string content, string expected, string found)
    {
        Put("given");
        var path = _folder.Write("given/batches.meta.txt", System.Text.Encoding.UTF8.GetBytes(content));
        ErrorAssert.Throws<InvalidDataException>(
            () => Cifar10.Load(_folder["given"]), $"{path}: offset 0: ", expected, found);
    }

    [Test]
    public void Load_MetaFileWithoutEnd_IsNotReadWhole()
    {
        Put("given");
        var path = _folder.Write("given/batches.meta.txt", new byte[5000]);
        ErrorAssert.Throws<InvalidDataException>(
            () => Cifar10.Load(_folder["given"]), $"{path}: offset 4096: ", "a file of 5000 bytes");
    }

    [Test]
    public void Load_SearchesEnvironmentThenCacheThenSystem()
    {
        Put("system");
        Assert.That(Load(Folders).Source, Is.EqualTo(_folder["system"]));
        Put("cache");
        Assert.That(Load(Folders).Source, Is.EqualTo(_folder["cache"]));
        Put("named");
        Assert.That(Load(Folders with { Environment = _folder["named"] }).Source, Is.EqualTo(_folder["named"]));
    }

    [Test]
    public void Load_FilesMissingWhereTheyWereSaidToBe_LooksNoFurther()
    {
        Put("given");
        Put("cache");
        File.Delete(_folder["given/data_batch_3.bin"]);
        File.Delete(_folder["given/test_batch.bin"]);
        string[] parts =
        [
            "CIFAR-10 is not where it was said to be", $"{_folder["given"]}: missing data_batch_3.bin, test_batch.bin",
            "cifar-10-binary.tar.gz", $"to {_folder["given"]}.",
        ];
        ErrorAssert.Throws<FileNotFoundException>(() => Load(Folders, _folder["given"]), ["given: ", .. parts]);
        ErrorAssert.Throws<FileNotFoundException>(
            () => Load(Folders with { Environment = _folder["given"] }), ["CUDABN_DATA: ", .. parts]);
    }

    [Test]
    public void Load_Nowhere_ListsEveryPlaceAndHowToGetIt()
    {
        ErrorAssert.Throws<FileNotFoundException>(
            () => Load(Folders), "CIFAR-10 is not on this machine", $"cache: {_folder["cache"]}: no such folder",
            $"system: {_folder["system"]}: no such folder", "cifar-10-binary.tar.gz", $"to {_folder["cache"]}.");
        ErrorAssert.Throws<FileNotFoundException>(
            () => Load(new DataFolders(null, null, null)), "CIFAR-10 is not on this machine", "a folder and name it");
        Assert.That(Directory.Exists(_folder["cache"]), Is.False);
    }

    [TestCase("")]
    [TestCase(" ")]
    public void Load_BlankPath_Throws(string path) =>
        Assert.That(() => Cifar10.Load(path), Throws.ArgumentException);

    private void Put(string folder)
    {
        foreach (var (name, content) in _files)
            _folder.Write($"{folder}/{name}", content);
    }

    private static ImageDataSplits Load(DataFolders folders, string? path = null) =>
        new Cifar10Source(folders).Load(path);

    private static void CheckRecords(ImageDataset images, byte[] file)
    {
        Assert.That((images.Channels, images.Height, images.Width), Is.EqualTo((3, 32, 32)));
        Assert.That(images.Count, Is.EqualTo(file.Length / Cifar10Bytes.RecordLength));
        for (var i = 0; i < images.Count; i++)
        {
            var record = file.AsSpan(i * Cifar10Bytes.RecordLength, Cifar10Bytes.RecordLength);
            Assert.That(images.Labels.Span[i], Is.EqualTo(record[0]));
            Assert.That(images.Image(i).SequenceEqual(record[1..]), Is.True, $"record {i}");
        }
    }
}
