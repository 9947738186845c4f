using CudaBn.Tests.Core;
using NUnit.Framework;

namespace CudaBn.Tests.Data;

[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class DataLoaderTests(Device device)
{
    private static readonly string[] _classes = ["a", "b", "c", "d", "e", "f", "g"];

    [TestCase(100, 10)]
    [TestCase(100, 7)]
    [TestCase(100, 100)]
    [TestCase(100, 1)]
    [TestCase(3, 50)]
    [TestCase(1, 1)]
    public void Epoch_Shuffled_IsAPermutation(int count, int batchSize)
    {
        using var loader = Load(Numbered(count), batchSize, shuffle: true, seed: 1);
        for (var epoch = 0; epoch < 5; epoch++)
            Assert.That(Order(loader).Order(), Is.EqualTo(Enumerable.Range(0, count)));
    }

    [Test]
    public void Epoch_Shuffled_HasAnOrderOfItsOwn()
    {
        using var loader = Load(Numbered(100), 9, shuffle: true, seed: 1);
        var orders = Enumerable.Range(0, 5).Select(_ => string.Join(' ', Order(loader))).ToArray();
        Assert.That(orders.Distinct().Count(), Is.EqualTo(5));
        Assert.That(orders, Has.None.EqualTo(string.Join(' ', Enumerable.Range(0, 100))));
        Assert.That(loader.NextEpoch, Is.EqualTo(5));
    }

    [Test]
    public void Order_DependsOnSeedAndEpochAlone()
    {
        using var loader = Load(Numbered(60), 10, shuffle: true, seed: 7);
        using var same = Load(Numbered(60), 13, shuffle: true, seed: 7, dtype: DType.Float64);
        using var other = Load(Numbered(60), 10, shuffle: true, seed: 8);
        var orders = Enumerable.Range(0, 4).Select(_ => Order(loader)).ToArray();
        foreach (var order in orders)
        {
            Assert.That(Order(same), Is.EqualTo(order));
            Assert.That(Order(other), Is.Not.EqualTo(order));
        }

        foreach (var epoch in new[] { 2, 0, 3, 3, 1 })
        {
            loader.NextEpoch = epoch;
            Assert.That(Order(loader), Is.EqualTo(orders[epoch]), $"epoch {epoch}");
            Assert.That(loader.NextEpoch, Is.EqualTo(epoch + 1));
        }
    }

    [Test]
    public void Order_Unshuffled_IsThatOfTheDataSet()
    {
        using var loader = Load(Numbered(25), 4);
        for (var epoch = 0; epoch < 3; epoch++)
            Assert.That(Order(loader), Is.EqualTo(Enumerable.Range(0, 25)));
    }

    [TestCase(10, 4, false, new[] { 4, 4, 2 })]
    [TestCase(10, 4, true, new[] { 4, 4 })]
    [TestCase(8, 4, false, new[] { 4, 4 })]
    [TestCase(8, 4, true, new[] { 4, 4 })]
    [TestCase(3, 4, false, new[] { 3 })]
    [TestCase(4, 4, true, new[] { 4 })]
    [TestCase(9, 4, false, new[] { 4, 4, 1 })]
    public void LastShortBatch_IsKeptOrDropped(int count, int batchSize, bool dropLast, int[] sizes)
    {
        using var loader = Load(Numbered(count), batchSize, shuffle: true, dropLast: dropLast);
        for (var epoch = 0; epoch < 2; epoch++)
        {
            List<int> seen = [];
            foreach (var batch in loader)
            {
                Assert.That(batch.Images.Shape, Is.EqualTo(new Shape(batch.Count, 1, 1, 1)));
                Assert.That(batch.Labels.Shape, Is.EqualTo(new Shape(batch.Count)));
                seen.Add(batch.Count);
            }

            Assert.That(seen, Is.EqualTo(sizes));
        }

        Assert.That((loader.BatchCount, loader.ImageCount), Is.EqualTo((sizes.Length, sizes.Sum())));
    }

    [Test]
    public void Epochs_WithTheShortBatchDropped_LeaveOutOthersEachTime()
    {
        using var loader = Load(Numbered(10), 6, shuffle: true, dropLast: true);
        var seen = new HashSet<int>();
        for (var epoch = 0; epoch < 20; epoch++)
            seen.UnionWith(Order(loader));
        Assert.That(seen, Has.Count.EqualTo(10));
    }

    [Test]
    public void Images_AreTheBytesOver255_Float32()
    {
        using var loader = Load(Numbered(256), 256);
        foreach (var batch in loader)
        {
            var values = batch.Images.ToArray<float>();
            for (var b = 0; b < 256; b++)
                Assert.That(values[b], Is.EqualTo(b / 255f), $"byte {b}");
        }
    }

    [Test]
    public void Images_AreTheBytesOver255_Float64()
    {
        using var loader = Load(Numbered(256), 256, dtype: DType.Float64);
        foreach (var batch in loader)
        {
            var values = batch.Images.ToArray<double>();
            for (var b = 0; b < 256; b++)
                Assert.That(values[b], Is.EqualTo(b / 255.0), $"byte {b}");
        }
    }

    [TestCase(1.0)]
    [TestCase(-0.5)]
    [TestCase(3.0)]
    public void Images_OfAnotherDivisor_AreTheBytesOverIt(double divisor)
    {
        using var loader = new DataLoader(Numbered(256), 50, device, DType.Float64, divisor: divisor);
        var next = 0;
        foreach (var batch in loader)
        {
            foreach (var value in batch.Images.ToArray<double>())
                Assert.That(value, Is.EqualTo(next++ / divisor));
        }

        Assert.That(next, Is.EqualTo(256));
    }

    [Test]
    public void Batches_HoldTheImagesAndLabelsOfTheirRows()
    {
        const int count = 53;
        var bytes = new byte[count * 2 * 3 * 5];
        new Random(1).NextBytes(bytes);
        var labels = new byte[count];
        for (var i = 0; i < count; i++)
        {
            labels[i] = (byte)(i * i % 7);
            // The first pixel of an image is its row.
            bytes[i * 30] = (byte)i;
        }

        var dataset = new ImageDataset("rows", 2, 3, 5, bytes, labels, _classes);
        using var loader = new DataLoader(dataset, 8, device, shuffle: true, seed: 3, divisor: 1);
        var rows = 0;
        foreach (var batch in loader)
        {
            var (images, batchLabels) = (batch.Images.ToArray<float>(), batch.Labels.ToArray<int>());
            Assert.That(batch.Images.Shape, Is.EqualTo(new Shape(batch.Count, 2, 3, 5)));
            for (var i = 0; i < batch.Count; i++, rows++)
            {
                var row = (int)images[i * 30];
                Assert.That(batchLabels[i], Is.EqualTo(labels[row]));
                Assert.That(
                    images.AsSpan(i * 30, 30).ToArray(), Is.EqualTo(bytes.AsSpan(row * 30, 30).ToArray().Select(b => (float)b)));
            }
        }

        Assert.That(rows, Is.EqualTo(count));
    }

    [Test]
    public void Enumeration_BrokenOff_StartsAfresh()
    {
        using var loader = Load(Numbered(30), 7, shuffle: true, seed: 1);
        foreach (var batch in loader)
        {
            Assert.That(batch.Count, Is.EqualTo(7));
            break;
        }

        Assert.That(Order(loader).Order(), Is.EqualTo(Enumerable.Range(0, 30)));
        Assert.That(loader.AsEnumerable().Sum(batch => batch.Count), Is.EqualTo(30));
    }

    [Test]
    public void Enumeration_OvertakenByAnother_Throws()
    {
        using var loader = Load(Numbered(30), 10, shuffle: true, seed: 1);
        var outer = loader.GetEnumerator();
        Assert.That(outer.MoveNext(), Is.True);
        Order(loader);
        ErrorAssert.Throws<InvalidOperationException>(() => outer.MoveNext(), "DataLoader", "batch 1");
        Assert.That(Order(loader).Order(), Is.EqualTo(Enumerable.Range(0, 30)));

        // A copy of an enumerator that moves on its own would take the batches of the original.
        var original = loader.GetEnumerator();
        var copy = original;
        Assert.That(copy.MoveNext(), Is.True);
        ErrorAssert.Throws<InvalidOperationException>(() => original.MoveNext(), "batch 0");
        Assert.That(() => copy.Reset(), Throws.TypeOf<NotSupportedException>());
    }

    [Test]
    public void Shuffle_OfFour_MakesAllOrdersEquallyOften()
    {
        const int epochs = 12_000;
        using var loader = Load(Numbered(4), 4, shuffle: true, seed: 11);
        var counts = new Dictionary<int, int>();
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            var order = Order(loader);
            var key = ((order[0] * 4 + order[1]) * 4 + order[2]) * 4 + order[3];
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        const double expected = epochs / 24.0;
        Assert.That(counts, Has.Count.EqualTo(24));
        // 23 degrees of freedom: five deviations above the mean.
        Assert.That(
            counts.Values.Sum(n => (n - expected) * (n - expected) / expected), Is.LessThan(23 + 5 * Math.Sqrt(46)));
    }

    [Test]
    public void Shuffle_OfMany_PutsEveryImageEverywhere()
    {
        const int count = 20, epochs = 4000;
        using var loader = Load(Numbered(count), count, shuffle: true, seed: 12);
        var places = new int[count, count];
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            var order = Order(loader);
            for (var place = 0; place < count; place++)
                places[order[place], place]++;
        }

        const double expected = epochs / (double)count;
        const double freedom = (count - 1) * (count - 1);
        Assert.That(
            places.Cast<int>().Sum(n => (n - expected) * (n - expected) / expected),
            Is.InRange(freedom - 5 * Math.Sqrt(2 * freedom), freedom + 5 * Math.Sqrt(2 * freedom)));
    }

    [Test]
    public void Constructor_ArgumentsOutsideTheirRange_AreNamed()
    {
        var dataset = Numbered(5);
        Assert.That(() => new DataLoader(null!, 1, device), Throws.ArgumentNullException);
        foreach (var size in new[] { 0, -3, int.MinValue })
            ErrorAssert.Throws<ArgumentException>(() => _ = new DataLoader(dataset, size, device), $"batch size {size} ");
        foreach (var dtype in new[] { DType.Int32, DType.UInt8, DType.Int64 })
            ErrorAssert.Throws<ArgumentException>(() => _ = new DataLoader(dataset, 1, device, dtype), $"{dtype}");
        foreach (var divisor in new[] { double.NaN, double.PositiveInfinity, 0 })
            ErrorAssert.Throws<ArgumentException>(
                () => _ = new DataLoader(dataset, 1, device, divisor: divisor), $"divisor {divisor} ");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new DataLoader(dataset, 6, device, dropLast: true), "batch of 6", "5 images");
    }

    [Test]
    public void NextEpoch_Negative_Throws()
    {
        using var loader = Load(Numbered(5), 2);
        Assert.That(() => loader.NextEpoch = -1, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(loader.NextEpoch, Is.Zero);
    }

    [Test]
    public void Dispose_EndsEnumeration()
    {
        var loader = Load(Numbered(5), 2);
        Order(loader);
        loader.Dispose();
        Assert.That(() => Order(loader), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>Images of one pixel, whose value is their row.</summary>
    private static ImageDataset Numbered(int count) => new(
        "numbers", 1, 1, 1, Enumerable.Range(0, count).Select(i => (byte)i).ToArray(),
        Enumerable.Range(0, count).Select(i => (byte)(i % 7)).ToArray(), _classes);

    private DataLoader Load(
        ImageDataset dataset, int batchSize, bool shuffle = false, ulong seed = 0, bool dropLast = false,
        DType dtype = DType.Float32) => new(dataset, batchSize, device, dtype, shuffle, seed, dropLast);

    private static int[] Order(DataLoader loader)
    {
        List<int> rows = [];
        foreach (var batch in loader)
        {
            var pixels = loader.DType == DType.Float32
                ? batch.Images.ToArray<float>().Select(v => (int)Math.Round(v * 255.0))
                : batch.Images.ToArray<double>().Select(v => (int)Math.Round(v * 255));
            rows.AddRange(pixels);
            Assert.That(batch.Labels.ToArray<int>(), Is.EqualTo(rows[^batch.Count..].Select(row => row % 7)));
        }

        return [.. rows];
    }
}
