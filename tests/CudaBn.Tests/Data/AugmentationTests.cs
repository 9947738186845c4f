using CudaBn.Tests.Core;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Data;

/// <summary>Batches of a loader that crops, flips and normalizes, against the reference: exactly, on every
/// backend.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class AugmentationTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly AugmentationCase _cifar =
        new(50, 3, 32, 32, 4, true, true, 255, 16, true, Seed: 5, Epoch: 0);

    private static IEnumerable<AugmentationCase> Cases() =>
    [
        _cifar,
        _cifar with { Normalizes = false },
        _cifar with { Flips = false },
        _cifar with { Padding = 0 },
        // Normalization alone, as in evaluation.
        _cifar with { Padding = 0, Flips = false, Shuffles = false },
        _cifar with { Channels = 1, Height = 28, Width = 28, Padding = 27 },
        // Images of several tiles and chunks, odd sizes, one pixel.
        _cifar with { Count = 5, Height = 61, Width = 67 },
        _cifar with { Count = 3, Height = 1, Width = 5000, Padding = 0 },
        _cifar with { Height = 1, Width = 1, Padding = 0 },
        _cifar with { Count = 1, Channels = 130, Height = 3, Width = 5, Padding = 2 },
        _cifar with { Epoch = int.MaxValue - 2 },
    ];

    [TestCaseSource(nameof(Cases))]
    public void Batches_EqualTheReference(AugmentationCase c) => Check(c);

    [FsCheck.NUnit.Property(MaxTest = 250)]
    public Property Batches_RandomGeometry_EqualTheReference() => Prop.ForAll(AugmentationCase.Random, Check);

    [Test]
    public void Image_DependsOnSeedEpochAndItsNumberAlone()
    {
        var expected = Epoch(_cifar);
        AugmentationCase[] same =
            [_cifar with { BatchSize = 1 }, _cifar with { BatchSize = 50 }, _cifar with { BatchSize = 7, Shuffles = false }];
        foreach (var c in same)
            Assert.That(Epoch(c), Is.EqualTo(expected), $"{c}");
        AugmentationCase[] others = [_cifar with { Epoch = 1 }, _cifar with { Seed = 6 }];
        foreach (var c in others)
        {
            var changed = Epoch(c).Where((image, i) => !image.SequenceEqual(expected[i])).Count();
            // One in 162 stays as it is by chance.
            Assert.That(changed, Is.GreaterThan(45), $"{c}");
        }
    }

    [Test]
    public void Epoch_AskedForAgain_ComesAgain()
    {
        using var loader = _cifar.Loader(_cifar.Dataset(), Device, DType);
        var first = Images(loader);
        Images(loader);
        loader.NextEpoch = 0;
        Assert.That(Images(loader), Is.EqualTo(first));
    }

    [Test]
    public void Gather_Recorded_FollowsTheEpochInEveryReplay()
    {
        var c = _cifar with { BatchSize = 10 };
        using var eager = c.Loader(c.Dataset(), Device, DType);
        using var loader = c.Loader(c.Dataset(), Device, DType);
        var batch = loader.Claim(loader.StartEpoch(), 0);
        loader.Gather(batch);
        Images(eager);
        var gather = Repeated(() => loader.Gather(batch));
        for (var epoch = 1; epoch < 4; epoch++)
        {
            var started = loader.StartEpoch();
            var index = 0;
            foreach (var expected in eager)
            {
                loader.Claim(started, index++);
                gather();
                ErrorBound.AssertExact($"epoch {epoch}", Read(batch.Images), Read(expected.Images));
                Assert.That(batch.Labels.ToArray<int>(), Is.EqualTo(expected.Labels.ToArray<int>()));
            }
        }
    }

    [Test]
    public void Gather_MoreRowsThanAGridHasInItsOtherDimensions()
    {
        const int count = 70_001;
        var dataset = new ImageDataset("pixels", 1, 1, 2, IdxBytes.Random(1, 2 * count), new byte[count], ["any"]);
        using var loader = new DataLoader(
            dataset, count, Device, DType, seed: 3, augmentation: new Augmentation(horizontalFlip: true));
        var expected = new List<double>();
        for (var i = 0; i < count; i++)
            expected.AddRange(ReferenceAugmentation.Apply(
                dataset.Image(i), 1, 1, 2, 0, ReferenceAugmentation.Draw(0, true, 3, 0, i), 255, null, null));

        foreach (var batch in loader)
            ErrorBound.AssertExact("images", Read(batch.Images), Rounded([.. expected]));
    }

    [Test]
    public void Loader_OptionsThatDoNotFitTheImages_Throw()
    {
        var dataset = (_cifar with { Height = 9, Width = 30 }).Dataset();
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new DataLoader(dataset, 1, Device, DType, augmentation: new Augmentation(9)),
            "DataLoader", "9x30", "padded by 9", "at most 8");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new DataLoader(dataset, 1, Device, DType, normalization: new Normalization([0.5], [0.5])),
            "DataLoader", "normalization of 1 channels", "images of 3");
    }

    private void Check(AugmentationCase c)
    {
        var dataset = c.Dataset();
        using var loader = c.Loader(dataset, Device, DType);
        for (var epoch = c.Epoch; epoch < c.Epoch + 2L; epoch++)
        {
            List<int> seen = [];
            foreach (var batch in loader)
            {
                // A shorter batch would leave what was there before.
                var images = Read(batch.Images);
                var size = images.Length / batch.Count;
                foreach (var number in batch.Labels.ToArray<int>())
                {
                    var at = (seen.Count % c.BatchSize) * size;
                    var place = ReferenceAugmentation.Draw(c.Padding, c.Flips, c.Seed, (int)epoch, number);
                    var expected = ReferenceAugmentation.Apply(
                        dataset.Image(number), c.Channels, c.Height, c.Width, c.Padding, place, c.Divisor, c.Means, c.Stds);
                    ErrorBound.AssertExact(
                        $"{c}, epoch {epoch}, image {number} at {place}", images[at..(at + size)], Rounded(expected));
                    seen.Add(number);
                }
            }

            Assert.That(seen.Order(), Is.EqualTo(Enumerable.Range(0, c.Count)));
        }
    }

    /// <summary>The images of the next epoch, by number.</summary>
    private double[][] Epoch(AugmentationCase c)
    {
        using var loader = c.Loader(c.Dataset(), Device, DType);
        return Images(loader);
    }

    private static double[][] Images(DataLoader loader)
    {
        var images = new double[loader.Dataset.Count][];
        foreach (var batch in loader)
        {
            var values = Read(batch.Images);
            var size = values.Length / batch.Count;
            var numbers = batch.Labels.ToArray<int>();
            for (var row = 0; row < numbers.Length; row++)
                images[numbers[row]] = values[(row * size)..((row + 1) * size)];
        }

        return images;
    }
}
