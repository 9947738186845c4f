using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Core;
using NUnit.Framework;

namespace CudaBn.Tests.Data;

/// <summary>What may be asked for, and whether chance is fair.</summary>
public class AugmentationOptionsTests
{
    [TestCase(1)]
    [TestCase(4)]
    public void Draw_EveryPlaceAndFlip_IsEquallyLikely(int padding)
    {
        // Over images of one epoch, and over epochs of one image.
        const int draws = 200_000;
        var places = 2 * padding + 1;
        Func<int, CropAndFlip>[] sources =
        [
            i => CropAndFlip.Draw(padding, true, seed: 1, epoch: 3, image: i),
            i => CropAndFlip.Draw(padding, true, seed: 1, epoch: i, image: 3),
            i => CropAndFlip.Draw(padding, true, seed: (ulong)i << 32 | 9, epoch: 0, image: 0),
        ];
        foreach (var source in sources)
        {
            var counts = new int[2 * places * places];
            for (var i = 0; i < draws; i++)
            {
                var (top, left, isFlipped) = source(i);
                Assert.That(top, Is.InRange(-padding, padding));
                Assert.That(left, Is.InRange(-padding, padding));
                counts[((top + padding) * places + left + padding) * 2 + (isFlipped ? 1 : 0)]++;
            }

            // Chi-square has mean f and variance 2 f; five deviations to each side.
            var expected = (double)draws / counts.Length;
            var freedom = counts.Length - 1;
            Assert.That(
                counts.Sum(n => (n - expected) * (n - expected) / expected),
                Is.InRange(freedom - 5 * Math.Sqrt(2 * freedom), freedom + 5 * Math.Sqrt(2 * freedom)));
        }
    }

    [Test]
    public void Draw_OfOneImageInTwoEpochs_IsIndependent()
    {
        const int draws = 100_000;
        var counts = new int[9, 9];
        for (var i = 0; i < draws; i++)
            counts[Place(CropAndFlip.Draw(1, false, 7, 0, i)), Place(CropAndFlip.Draw(1, false, 7, 1, i))]++;

        const double expected = draws / 81.0;
        Assert.That(
            counts.Cast<int>().Sum(n => (n - expected) * (n - expected) / expected),
            Is.InRange(80 - 5 * Math.Sqrt(160), 80 + 5 * Math.Sqrt(160)));

        static int Place(CropAndFlip crop) => 3 * (crop.Top + 1) + crop.Left + 1;
    }

    [Test]
    public void Draw_WithoutPaddingOrFlips_ChangesNothing()
    {
        for (var i = 0; i < 1000; i++)
            Assert.That(CropAndFlip.Draw(0, false, 1, i, i), Is.EqualTo(new CropAndFlip(0, 0, false)));
    }

    [TestCase(-1)]
    [TestCase(int.MinValue)]
    public void Augmentation_NegativePadding_Throws(int padding) =>
        ErrorAssert.Throws<ArgumentException>(() => _ = new Augmentation(padding), "Augmentation", $"padding {padding} ");

    [Test]
    public void Normalization_ConstantsOutsideTheirRange_AreNamed()
    {
        ErrorAssert.Throws<ArgumentException>(() => _ = new Normalization([], []), "Normalization", "got 0 and 0");
        ErrorAssert.Throws<ArgumentException>(() => _ = new Normalization([1, 2], [1]), "got 2 and 1");
        foreach (var mean in new[] { double.NaN, double.NegativeInfinity })
            ErrorAssert.Throws<ArgumentException>(
                () => _ = new Normalization([0, mean], [1, 1]), $"mean {mean} of channel 1");
        foreach (var std in new[] { double.NaN, double.PositiveInfinity, 0, -1 })
            ErrorAssert.Throws<ArgumentException>(
                () => _ = new Normalization([0, 0, 0], [1, 1, std]), $"deviation {std} of channel 2");
        Assert.That(() => new Normalization(null!, [1]), Throws.ArgumentNullException);
        Assert.That(() => new Normalization([1], null!), Throws.ArgumentNullException);
        Assert.That(() => Normalization.Of(null!), Throws.ArgumentNullException);
    }

    [Test]
    public void Normalization_KeepsACopy()
    {
        double[] means = [0.5], stds = [0.25];
        var normalization = new Normalization(means, stds);
        (means[0], stds[0]) = (7, 8);
        Assert.That((normalization.Means[0], normalization.Stds[0]), Is.EqualTo((0.5, 0.25)));
    }

    [Test]
    public void Normalization_OfAConstantChannel_Throws()
    {
        var dataset = new ImageDataset("flat", 2, 1, 2, new byte[] { 1, 2, 9, 9 }, new byte[1], ["a"]);
        ErrorAssert.Throws<ArgumentException>(() => Normalization.Of(dataset), "deviation 0 of channel 1");
    }

    [Test]
    public void Normalization_OfADataSet_GivesMean0AndDeviation1()
    {
        var data = DrawnGarments.Create(100, 1).Train;
        using var loader = new DataLoader(data, 100, dtype: DType.Float64, normalization: Normalization.Of(data));
        foreach (var batch in loader)
        {
            var values = batch.Images.ToArray<double>();
            Assert.That(values.Average(), Is.Zero.Within(1e-12));
            Assert.That(values.Average(value => value * value), Is.EqualTo(1).Within(1e-12));
        }
    }
}
