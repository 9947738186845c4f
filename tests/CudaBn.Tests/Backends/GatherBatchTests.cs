using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class GatherBatchTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly double[] Divisors = [255, 1, 0.1, -3, 1e300];

    [Test]
    public void Gather_BatchAfterBatch_TakesTheRowsInOrder(
        [Values(1, 3, 4, 5, 783, 784, 1028)] int elements, [Values(1, 7, 33)] int rows)
    {
        const int batches = 3;
        var data = new Data(Device, batches * rows + 2, elements, Own);
        var batch = Poison([rows, elements]);
        var labels = Own(new Tensor([rows], DType.Int32, Device));
        for (var i = 0; i < batches; i++)
        {
            Device.Backend.GatherBatch(data.Batch(255, batch, labels));

            Check(data, i * rows, 255, batch, labels);
            Assert.That(data.Cursor.ToArray<long>(), Is.EqualTo(new[] { (i + 1L) * rows }));
        }
    }

    [TestCaseSource(nameof(Divisors))]
    public void Gather_EveryByte_IsDividedAndRoundedLikeEverywhere(double divisor)
    {
        var data = new Data(Device, 4, 256, Own);
        var batch = Poison([4, 256]);
        var labels = Own(new Tensor([4], DType.Int32, Device));

        Device.Backend.GatherBatch(data.Batch(divisor, batch, labels));

        Check(data, 0, divisor, batch, labels);
    }

    [TestCase(70_001, 1)]
    [TestCase(70_001, 4)]
    public void Gather_MoreRowsThanAGridHasInItsOtherDimensions(int rows, int elements)
    {
        var data = new Data(Device, rows, elements, Own);
        var batch = Poison([rows, elements]);
        var labels = Own(new Tensor([rows], DType.Int32, Device));

        Device.Backend.GatherBatch(data.Batch(255, batch, labels));

        Check(data, 0, 255, batch, labels);
        Assert.That(data.Cursor.ToArray<long>(), Is.EqualTo(new[] { (long)rows }));
    }

    [Test]
    public void Gather_Recorded_MovesOnInEveryReplay()
    {
        var data = new Data(Device, 40, 784, Own);
        var batch = Poison([8, 784]);
        var labels = Own(new Tensor([8], DType.Int32, Device));
        Device.Backend.GatherBatch(data.Batch(255, batch, labels));
        var gather = Repeated(() => Device.Backend.GatherBatch(data.Batch(255, batch, labels)));
        for (var i = 1; i < 5; i++)
        {
            gather();

            Check(data, 8 * i, 255, batch, labels);
        }
    }

    private void Check(Data data, int first, double divisor, Tensor batch, Tensor labels)
    {
        var (rows, elements) = (batch.Shape[0], batch.Shape[1]);
        var expected = new double[rows * elements];
        var expectedLabels = new int[rows];
        for (var row = 0; row < rows; row++)
        {
            var image = data.HostOrder[first + row];
            expectedLabels[row] = data.HostLabels[image];
            for (var i = 0; i < elements; i++)
                expected[row * elements + i] = data.HostImages[image * elements + i] / divisor;
        }

        ErrorBound.AssertExact("images", Read(batch), Rounded(expected));
        Assert.That(labels.ToArray<int>(), Is.EqualTo(expectedLabels));
    }

    /// <summary>Random bytes, of which the first images hold every one, in a random order.</summary>
    private sealed class Data
    {
        private readonly Tensor _images;
        private readonly Tensor _labels;
        private readonly Tensor _order;

        public Data(Device device, int count, int elements, Func<Tensor, Tensor> own)
        {
            var random = new Random(count);
            HostImages = new byte[count * elements];
            random.NextBytes(HostImages);
            for (var i = 0; i < Math.Min(256, HostImages.Length); i++)
                HostImages[i] = (byte)i;
            HostLabels = new byte[count];
            random.NextBytes(HostLabels);
            HostOrder = [.. Enumerable.Range(0, count)];
            random.Shuffle(HostOrder);
            _images = own(Tensor.From<byte>(HostImages, [count, elements], device));
            _labels = own(Tensor.From<byte>(HostLabels, [count], device));
            _order = own(Tensor.From<int>(HostOrder, [count], device));
            Cursor = own(Tensor.Zeros([1], DType.Int64, device));
        }

        public byte[] HostImages { get; }

        public byte[] HostLabels { get; }

        public int[] HostOrder { get; }

        public Tensor Cursor { get; }

        public GatherBatchArgs Batch(double divisor, Tensor batch, Tensor labels) =>
            new(_images, _labels, _order, Cursor, divisor, batch, labels);
    }
}
