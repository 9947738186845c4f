using System.Security.Cryptography;
using NUnit.Framework;

namespace CudaBn.Tests.Data;

public class DrawnGarmentsTests
{
    private static readonly ImageDataSplits _drawn = DrawnGarments.Create();

    [Test]
    public void Create_Defaults_AreTheSameBytesOnEveryMachine()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var set in new[] { _drawn.Train, _drawn.Test })
        {
            hash.AppendData(set.Images.Span);
            hash.AppendData(set.Labels.Span);
        }

        Assert.That(
            Convert.ToHexStringLower(hash.GetHashAndReset()),
            Is.EqualTo("0d7992216ffa6ca3ce532051f1c5ed1ad1cfb6978ae43844b0163d8dc8132bea"));
    }

    [Test]
    public void Create_Defaults_AreAnnouncedForWhatTheyAre()
    {
        Assert.That((_drawn.Name, _drawn.Source, _drawn.IsBuiltIn), Is.EqualTo(("drawn garments", "built in", true)));
        Assert.That(_drawn.Train.Name, Is.EqualTo("drawn garments"));
        Assert.That((_drawn.Train.Count, _drawn.Test.Count), Is.EqualTo((6000, 1000)));
        Assert.That((_drawn.Train.Channels, _drawn.Train.Height, _drawn.Train.Width), Is.EqualTo((1, 28, 28)));
        Assert.That(_drawn.Train.ClassNames, Has.Count.EqualTo(10));
    }

    [Test]
    public void Create_AnyTenInARow_AreTenClasses()
    {
        foreach (var tenth in _drawn.Train.Labels.ToArray().Chunk(10))
            Assert.That(tenth, Is.EquivalentTo(Enumerable.Range(0, 10)));
    }

    [Test]
    public void Create_Fewer_AreTheFirstOfMore()
    {
        var few = DrawnGarments.Create(25, 7);
        Assert.That(few.Train.Images.Span.SequenceEqual(_drawn.Train.Take(25).Images.Span), Is.True);
        Assert.That(few.Train.Labels.ToArray(), Is.EqualTo(_drawn.Train.Take(25).Labels.ToArray()));
        Assert.That(few.Test.Images.Span.SequenceEqual(_drawn.Test.Take(7).Images.Span), Is.True);
    }

    [Test]
    public void Create_OtherSeed_DrawsOthers() =>
        Assert.That(
            DrawnGarments.Create(10, 10, seed: 2).Train.Images.Span.SequenceEqual(_drawn.Train.Take(10).Images.Span),
            Is.False);

    [Test]
    public void Create_Defaults_RepeatNoImage()
    {
        var images = new HashSet<string>();
        foreach (var set in new[] { _drawn.Train, _drawn.Test })
            for (var row = 0; row < set.Count; row++)
                Assert.That(images.Add(Convert.ToBase64String(set.Image(row))), Is.True, $"row {row} repeats another");
    }

    [Test]
    public void Classes_AreToldApartByShapeAndNotByBrightness()
    {
        var byBrightness = Accuracy(image => [Mean(image)]);
        var byShape = Accuracy(image => Array.ConvertAll(image, pixel => (double)pixel));
        Assert.That(byBrightness, Is.LessThan(0.35), "mean brightness alone tells the classes");
        Assert.That(byShape, Is.InRange(0.6, 0.95), "the nearest mean image should do fairly, not fully");
    }

    [TestCase(0, 1)]
    [TestCase(1, -1)]
    public void Create_NoImages_Throws(int train, int test) =>
        Assert.That(() => DrawnGarments.Create(train, test), Throws.TypeOf<ArgumentOutOfRangeException>());

    private static double Mean(byte[] image) => image.Average(pixel => (double)pixel);

    // How many test images lie nearest to the mean of their own class, by some features.
    private static double Accuracy(Func<byte[], double[]> features)
    {
        var means = Enumerable.Range(0, 10).Select(_ => new double[features(new byte[784]).Length]).ToArray();
        for (var row = 0; row < _drawn.Train.Count; row++)
        {
            var mean = means[_drawn.Train.Labels.Span[row]];
            var values = features(_drawn.Train.Image(row).ToArray());
            for (var i = 0; i < mean.Length; i++)
                mean[i] += values[i] / (_drawn.Train.Count / 10);
        }

        var right = 0;
        for (var row = 0; row < _drawn.Test.Count; row++)
        {
            var values = features(_drawn.Test.Image(row).ToArray());
            var nearest = means.MinBy(mean => mean.Zip(values, (a, b) => (a - b) * (a - b)).Sum());
            if (nearest == means[_drawn.Test.Labels.Span[row]])
                right++;
        }

        return (double)right / _drawn.Test.Count;
    }
}
