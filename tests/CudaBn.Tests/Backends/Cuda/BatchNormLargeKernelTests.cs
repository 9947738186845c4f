using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>The kernels of batch normalization on tensors larger than the software device's memory, which is made larger
/// meanwhile: nothing else may use it then.</summary>
[Category("Large")]
[NonParallelizable]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class BatchNormLargeKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    /// <summary>More than 2^31 elements, of which one block visits those of a few channels: the rows lie 2^30 elements
    /// apart, as far as an index of 32 bits does not reach.</summary>
    [Test]
    public unsafe void ElementsBeyond2To31_AreVisited([Values] bool asPlanes)
    {
        SoftCudaControl.Require();
        const int n = 3, c = 1 << 30, visited = 32;
        // The software device maps large buffers without filling them: only what is touched takes memory.
        SoftCudaControl.Set("MEMORY", $"{64L << 30}");
        try
        {
            using var x = new Tensor([n, c], DType, Device);
            using var y = new Tensor([n, c], DType, Device);
            var values = RandomVector.Integers(1, n * visited, 9);
            for (var row = 0; row < n; row++)
                Write(values[(row * visited)..((row + 1) * visited)], x.Part((long)row * c, [visited]));
            using var one = new Tensor([visited], DType.Float64, Device);
            Backend.Fill(one, 1);
            var statistics = new BatchNormStatistics(one.Address, one.Address, 0, 0, 0);
            using (Backend.Enter())
                Normalize(asPlanes, x, y, statistics);

            for (var row = 0; row < n; row++)
                ErrorBound.AssertEqual(
                    $"row {row}", Read(y.Part((long)row * c, [visited])),
                    Array.ConvertAll(values[(row * visited)..((row + 1) * visited)], value => value - 1));
        }
        finally
        {
            SoftCudaControl.Set("MEMORY", $"{8L << 30}");
        }

        void Normalize(bool asPlanes, Tensor x, Tensor y, BatchNormStatistics statistics)
        {
            if (asPlanes)
            {
                var geometry = new BatchNormGeometry(n, c, 1);
                var slices = new ChannelSlices(n, 1, 1);
                Backend.Kernel(CudaBackend.BatchNormFile, "batch_norm_normalize", DType, [new("PACK", 1)]).Launch(
                    1, ChannelSlices.Threads,
                    [
                        KernelArgument.Struct(&geometry), KernelArgument.Struct(&slices),
                        KernelArgument.Struct(&statistics), x, (Tensor?)null, (Tensor?)null, y,
                    ]);
                return;
            }

            var rows = new ChannelRows(n, n, c, 1, visited);
            Backend.Kernel(CudaBackend.BatchNormRowsFile, "batch_norm_rows_normalize", DType, [new("PACK", 1)]).Launch(
                1, ChannelRows.Threads,
                [
                    KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), x, (Tensor?)null, (Tensor?)null, y,
                ]);
        }
    }
}
