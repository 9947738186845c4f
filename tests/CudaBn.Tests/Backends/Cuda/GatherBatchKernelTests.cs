using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class GatherBatchKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    [Test]
    public void AnyLaunchShape_TakesTheRowsAndMovesTheCursorOnce(
        [Values(1, 2, 37)] int blocks, [Values(1, 96, 1024)] int threads, [Values(4, 132)] int width)
    {
        const int rows = 13, count = 20, start = 5;
        var random = new Random(1);
        var images = new byte[count * width];
        random.NextBytes(images);
        var labels = new byte[count];
        random.NextBytes(labels);
        int[] order = [.. Enumerable.Range(0, count)];
        random.Shuffle(order);
        int[] taken = order[start..(start + rows)];
        // Another in every launch, so that a table left in shared memory by the last one does not fit.
        var divisor = 255.0 + blocks + threads + width;
        var expected = taken.SelectMany(image => images[(image * width)..((image + 1) * width)])
            .Select(level => level / divisor).ToArray();

        foreach (var (kernel, loadsPerRow) in new[] { ("gather_batch", width), ("gather_batch_quads", width / 4) })
        {
            var cursor = Own(Tensor.From([(long)start], [1], Device));
            var batch = Poison([rows, width]);
            var batchLabels = Own(new Tensor([rows], DType.Int32, Device));
            using (Backend.Enter())
                Backend.Kernel(CudaBackend.GatherBatchFile, kernel, DType).Launch(
                    blocks, threads,
                    [
                        Own(Tensor.From<byte>(images, [count, width], Device)),
                        Own(Tensor.From<byte>(labels, [count], Device)), Own(Tensor.From<int>(order, [count], Device)),
                        cursor, divisor, rows, loadsPerRow, batch, batchLabels, Backend.Counters(1),
                    ]);

            ErrorBound.AssertExact(kernel, Read(batch), Rounded(expected));
            Assert.That(batchLabels.ToArray<int>(), Is.EqualTo(taken.Select(image => (int)labels[image])), kernel);
            Assert.That(cursor.ToArray<long>(), Is.EqualTo(new[] { (long)start + rows }), kernel);
        }
    }

    [Test]
    public void Transformed_AnyLaunchShape_GivesTheImagesOfTheReference(
        [Values(1, 2, 37)] int blocks, [Values(1, 96, 1024)] int threads, [Values(5, 41)] int width)
    {
        const int rows = 6, count = 9, start = 2, channels = 3, height = 19, padding = 4, epoch = 11;
        const ulong seed = 0x1_0000_0007;
        var size = channels * height * width;
        var random = new Random(1);
        var images = new byte[count * size];
        random.NextBytes(images);
        byte[] labels = [.. Enumerable.Range(0, count).Select(i => (byte)(200 + i))];
        int[] order = [.. Enumerable.Range(0, count)];
        random.Shuffle(order);
        var taken = order[start..(start + rows)];
        double[] means = [0.1, 0.2, 0.3], stds = [0.5, 1 + threads, 1 + blocks];
        var levels = new double[channels * 256];
        for (var i = 0; i < levels.Length; i++)
            levels[i] = (i % 256 / 255.0 - means[i / 256]) / stds[i / 256];
        var expected = taken.SelectMany(image => ReferenceAugmentation.Apply(
            images.AsSpan(image * size, size), channels, height, width, padding,
            ReferenceAugmentation.Draw(padding, true, seed, epoch, image), 255, means, stds)).ToArray();
        var cursor = Own(Tensor.From([(long)start], [1], Device));
        var batch = Poison([rows, channels, height, width]);
        var batchLabels = Own(new Tensor([rows], DType.Int32, Device));

        using (Backend.Enter())
            Backend.Kernel(CudaBackend.GatherBatchFile, "gather_batch_transformed", DType).Launch(
                blocks, threads,
                [
                    Own(Tensor.From<byte>(images, [count, size], Device)),
                    Own(Tensor.From<byte>(labels, [count], Device)), Own(Tensor.From<int>(order, [count], Device)),
                    cursor, Own(Tensor.From([epoch], [1], Device)), TensorOf(levels, [channels, 256]), seed, padding, 1,
                    rows, channels, height, width, batch, batchLabels, Backend.Counters(1),
                ]);

        ErrorBound.AssertExact("images", Read(batch), Rounded(expected));
        Assert.That(batchLabels.ToArray<int>(), Is.EqualTo(taken.Select(image => 200 + image)));
        Assert.That(cursor.ToArray<long>(), Is.EqualTo(new[] { (long)start + rows }));
    }

    [Category("Large")]
    [Test]
    public void ImagesBeyond2To31Loads_AreFound([Values(1000, 1001)] int width, [Values] bool isTransformed)
    {
        // The data set is memory for its last image alone: no other is touched.
        const int image = 10_000_000;
        var pixels = new byte[width];
        new Random(2).NextBytes(pixels);
        var lastImage = Own(Tensor.From<byte>(pixels, [width], Device));
        var lastLabel = Own(Tensor.From<byte>([7], [1], Device));
        var batch = Poison([1, 1, 1, width]);
        var batchLabels = Own(new Tensor([1], DType.Int32, Device));
        var transform = new ImageTransform(
            TensorOf([.. Enumerable.Range(0, 256)], [1, 256]), 0, false, Seed: 1, Own(Tensor.Zeros([1], DType.Int32, Device)));

        Backend.GatherBatch(new GatherBatchArgs(
            At(lastImage.Address - (nint)image * width, [width], DType.UInt8),
            At(lastLabel.Address - image, [1], DType.UInt8), Own(Tensor.From([image], [1], Device)),
            Own(Tensor.Zeros([1], DType.Int64, Device)), 1, batch, batchLabels, isTransformed ? transform : null));

        ErrorBound.AssertExact("images", Read(batch), Array.ConvertAll(pixels, level => (double)level));
        Assert.That(batchLabels.ToArray<int>(), Is.EqualTo(new[] { 7 }));
    }
}
