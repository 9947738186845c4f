using NUnit.Framework;

namespace CudaBn.Tests.Data;

public class ImageDatasetTests
{
    private static readonly string[] _classes = ["cat", "dog", "owl"];

    private static ImageDataset Make(
        int images = 4 * 2 * 3 * 5, byte[]? labels = null, int channels = 2, int height = 3, int width = 5) =>
        new("pets", channels, height, width, IdxBytes.Random(5, images), labels ?? [0, 1, 2, 1], _classes);

    [Test]
    public void Image_EveryRow_IsItsSliceOfTheBytes()
    {
        var dataset = Make();
        Assert.That(dataset.Count, Is.EqualTo(4));
        for (var row = 0; row < 4; row++)
            Assert.That(dataset.Image(row).SequenceEqual(dataset.Images.Span.Slice(row * 30, 30)), Is.True);
    }

    [Test]
    public void ChannelMeansAndStds_AreThoseOfTwoPasses()
    {
        var dataset = Make();
        var (means, stds) = (dataset.ChannelMeans(), dataset.ChannelStds());
        Assert.That((means.Length, stds.Length), Is.EqualTo((2, 2)));
        for (var channel = 0; channel < 2; channel++)
        {
            var values = Enumerable.Range(0, 4)
                .SelectMany(row => dataset.Image(row).Slice(channel * 15, 15).ToArray()).Select(b => b / 255.0).ToArray();
            var mean = values.Average();
            Assert.That(means[channel], Is.EqualTo(mean).Within(1e-15));
            Assert.That(
                stds[channel], Is.EqualTo(Math.Sqrt(values.Average(v => (v - mean) * (v - mean)))).Within(1e-15));
        }
    }

    [Test]
    public void ChannelStds_OfOneOddPixelInAMillion_KeepTheirDigits()
    {
        var bytes = new byte[1_000_000];
        Array.Fill(bytes, (byte)255);
        bytes[77] = 254;
        var std = new ImageDataset("flat", 1, 1000, 1000, bytes, new byte[1], _classes).ChannelStds()[0];
        // (1/255) * sqrt(p * (1 - p)) with p = 1e-6.
        Assert.That(std, Is.EqualTo(Math.Sqrt(1e-6 * (1 - 1e-6)) / 255).Within(1e-12).Percent);
        bytes[77] = 255;
        Assert.That(new ImageDataset("flat", 1, 1000, 1000, bytes, new byte[1], _classes).ChannelStds()[0], Is.Zero);
    }

    [TestCase(-1)]
    [TestCase(4)]
    public void Image_NoSuchRow_Throws(int row) =>
        Assert.That(
            () => { Make().Image(row); },
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains($"row of 0 to 3, got {row}"));

    [Test]
    public void Constructor_LabelWithoutClass_NamesRowAndLabel() =>
        Assert.That(
            () => Make(labels: [0, 1, 3, 9]),
            Throws.ArgumentException.With.Message.Contains("pets: row 2 has label 3, expected 0 to 2"));

    [TestCase(119)]
    [TestCase(121)]
    [TestCase(0)]
    public void Constructor_OtherNumberOfBytes_NamesBoth(int bytes) =>
        Assert.That(
            () => Make(images: bytes),
            Throws.ArgumentException.With.Message.Contains($"4 images of [2, 3, 5] are 120 bytes, got {bytes}"));

    [Test]
    public void Constructor_SizesWhoseProductOverflows_Throws() =>
        Assert.That(
            () => Make(images: 0, channels: 1 << 30, height: 1 << 30, width: 1 << 30),
            Throws.ArgumentException.With.Message.Contains("4951760157141521099596496896 bytes"));

    [TestCase(0, 3, 5)]
    [TestCase(2, -3, 5)]
    [TestCase(2, 3, 0)]
    public void Constructor_SizeNotPositive_Throws(int channels, int height, int width) =>
        Assert.That(
            () => Make(channels: channels, height: height, width: width),
            Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void Constructor_NoImages_Throws() =>
        Assert.That(() => Make(images: 0, labels: []), Throws.ArgumentException.With.Message.Contains("got none"));

    [Test]
    public void Constructor_NoClasses_Throws() =>
        Assert.That(
            () => new ImageDataset("pets", 1, 1, 1, new byte[1], new byte[1], []),
            Throws.ArgumentException.With.Message.Contains("1 to 256 class names, got 0"));

    [Test]
    public void Take_Fewer_IsTheFirstOnes()
    {
        var dataset = Make();
        var taken = dataset.Take(3);
        Assert.That(taken.Count, Is.EqualTo(3));
        Assert.That(taken.Images.Span.SequenceEqual(dataset.Images.Span[..90]), Is.True);
        Assert.That(taken.Labels.ToArray(), Is.EqualTo(new byte[] { 0, 1, 2 }));
        Assert.That((taken.Name, taken.Channels, taken.Height, taken.Width), Is.EqualTo(("pets", 2, 3, 5)));
    }

    [TestCase(4)]
    [TestCase(int.MaxValue)]
    public void Take_AllOrMore_IsTheWholeSet(int count)
    {
        var dataset = Make();
        Assert.That(dataset.Take(count), Is.SameAs(dataset));
    }

    [TestCase(0)]
    [TestCase(-1)]
    public void Take_None_Throws(int count) =>
        Assert.That(
            () => Make().Take(count),
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains($"at least 1 image, got {count}"));

    [Test]
    public void FromIdx_Pair_IsOneChannel()
    {
        using var folder = new TestFolder();
        var pixels = IdxBytes.Random(6, 3 * 4 * 5);
        var dataset = ImageDataset.FromIdx(
            "pets",
            folder.Write("images", IdxBytes.Images(3, 4, 5, pixels)),
            folder.Write("labels", IdxBytes.Labels([2, 0, 1])),
            _classes);
        Assert.That((dataset.Count, dataset.Channels, dataset.Height, dataset.Width), Is.EqualTo((3, 1, 4, 5)));
        Assert.That(dataset.Images.ToArray(), Is.EqualTo(pixels));
        Assert.That(dataset.Labels.ToArray(), Is.EqualTo(new byte[] { 2, 0, 1 }));
    }

    [Test]
    public void FromIdx_LabelWithoutClass_NamesFileOffsetAndRow()
    {
        using var folder = new TestFolder();
        var labels = folder.Write("labels", IdxBytes.Labels([2, 0, 7]));
        Assert.That(
            () => ImageDataset.FromIdx("pets", folder["images"], labels, _classes),
            Throws.TypeOf<InvalidDataException>().With.Message.EqualTo(
                $"{labels}: offset 10: expected a label of 0 to 2, found 7 in row 2."));
    }

    [Test]
    public void FromIdx_OtherCounts_NamesBoth()
    {
        using var folder = new TestFolder();
        var images = folder.Write("images", IdxBytes.Images(3, 1, 1, [1, 2, 3]));
        var labels = folder.Write("labels", IdxBytes.Labels([2, 0]));
        Assert.That(
            () => ImageDataset.FromIdx("pets", images, labels, _classes),
            Throws.TypeOf<InvalidDataException>().With.Message.EqualTo(
                $"{images}: offset 4: expected 2 images, one for each label of {labels}, found 3."));
    }
}
