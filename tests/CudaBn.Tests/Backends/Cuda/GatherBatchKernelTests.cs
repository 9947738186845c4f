using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
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

    [Category("Large")]
    [Test]
    public void ImagesBeyond2To31Loads_AreFound([Values(1000, 1001)] int width)
    {
        // The data set is memory for its last image alone: no other is touched.
        const int image = 10_000_000;
        var pixels = new byte[width];
        new Random(2).NextBytes(pixels);
        var lastImage = Own(Tensor.From<byte>(pixels, [width], Device));
        var lastLabel = Own(Tensor.From<byte>([7], [1], Device));
        var batch = Poison([1, width]);
        var batchLabels = Own(new Tensor([1], DType.Int32, Device));

        Backend.GatherBatch(new GatherBatchArgs(
            At(lastImage.Address - (nint)image * width, [width], DType.UInt8),
            At(lastLabel.Address - image, [1], DType.UInt8), Own(Tensor.From([image], [1], Device)),
            Own(Tensor.Zeros([1], DType.Int64, Device)), 1, batch, batchLabels));

        ErrorBound.AssertExact("images", Read(batch), Array.ConvertAll(pixels, level => (double)level));
        Assert.That(batchLabels.ToArray<int>(), Is.EqualTo(new[] { 7 }));
    }
}
