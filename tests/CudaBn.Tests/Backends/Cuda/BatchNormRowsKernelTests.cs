using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Layers;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>The kernels of batch normalization of matrices, with shares of the rows that the backend may never choose.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class BatchNormRowsKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private const double Epsilon = 1e-5;

    private static IEnumerable<TestCaseData> Cases() =>
        from shape in new (int Rows, int Channels)[]
        {
            // Around the threads of a warp and of a block, one group of rows and two, and primes.
            (2, 2), (3, 4), (131, 3), (2, 31), (129, 32), (5, 33), (67, 64), (4, 128), (5, 132), (600, 12), (300, 260),
            (33, 257), (4200, 2),
        }
        from blocks in new[] { 1, 3, 1000 }
        select new TestCaseData(shape.Rows, shape.Channels, blocks);

    [TestCaseSource(nameof(Cases))]
    public void Statistics_InEverySlices_AreThoseOfTheReference(int n, int c, int blocks)
    {
        var x = Rounded(RandomVector.Normal(n + c, n * c));
        var expected = new BatchNormCase(x, null, null, [n, c], Epsilon, UnitRoundoff);
        foreach (var pack in Packs(c))
        {
            var (mean, invStd) = Statistics(n, c, pack, blocks, TensorOf(x, [n, c]));
            var bound = 8 * Math.Sqrt(n) * UnitRoundoff;
            for (var channel = 0; channel < c; channel++)
            {
                Assert.That(
                    mean[channel],
                    Is.EqualTo(expected.Mean[channel]).Within(bound * Math.Sqrt(expected.Variance[channel])),
                    $"mean, pack {pack}");
                Assert.That(
                    invStd[channel], Is.EqualTo(expected.InvStd[channel]).Within(bound * expected.InvStd[channel]),
                    $"inverse deviation, pack {pack}");
            }
        }
    }

    [TestCaseSource(nameof(Cases))]
    public unsafe void Gradients_InEverySlices_AreExactOnIntegers(int n, int c, int blocks)
    {
        // With mean 1 and deviation 1 all sums are of integers.
        var x = RandomVector.Integers(1, n * c, 5);
        var gradOutput = RandomVector.Integers(2, n * c, 5);
        var (gradBeta, gradGamma) = (new double[c], new double[c]);
        for (var i = 0; i < x.Length; i++)
        {
            gradBeta[i % c] += gradOutput[i];
            gradGamma[i % c] += gradOutput[i] * (x[i] - 1);
        }

        foreach (var pack in Packs(c))
        {
            var (actualGamma, actualBeta) = (Poison([c]), Poison([c]));
            var rows = ChannelRows.Of(n, c, pack, blocks);
            var one = Ones(c);
            var parts = Own(new Tensor([2 * c * rows.Slices], DType.Float64, Device));
            var sums = Own(new Tensor([2 * c], DType.Float64, Device));
            Backend.Fill(parts, double.NaN);
            var statistics = new BatchNormStatistics(one.Address, one.Address, 0, 0, 0);
            using (Backend.Enter())
            {
                Kernel("batch_norm_rows_backward_reduce", pack).Launch(
                    rows.Blocks(pack), ChannelRows.Threads,
                    [
                        KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), TensorOf(x, [n, c]),
                        TensorOf(gradOutput, [n, c]), parts,
                    ]);
                var results = new ChannelGradients(sums.Address, actualGamma.Address, actualBeta.Address);
                Backend.Kernel(CudaBackend.BatchNormFile, "batch_norm_finish_gradients", DType, [new("PACK", 1)]).Launch(
                    c, 32,
                    [parts, (long)rows.Slices, KernelArgument.Struct(&statistics), KernelArgument.Struct(&results)]);
            }

            ErrorBound.AssertEqual($"gamma gradient, pack {pack}", Read(actualGamma), gradGamma);
            ErrorBound.AssertEqual($"beta gradient, pack {pack}", Read(actualBeta), gradBeta);
        }
    }

    [Test]
    public void UnalignedTensors_NormalizeAsAlignedOnes()
    {
        const int n = 9, c = 16;
        var x = RandomVector.Normal(1, n * c);
        var gradOutput = RandomVector.Normal(2, n * c);
        var results = new List<double[]>();
        foreach (var isAligned in new[] { true, false })
        {
            Tensor On(double[] values) => isAligned ? TensorOf(values, [n, c]) : Shifted(values, [n, c]);
            var (output, gradInput) = (On(new double[n * c]), On(new double[n * c]));
            using var mean = new Tensor([c], DType.Float64, Device);
            using var invStd = new Tensor([c], DType.Float64, Device);
            var input = On(x);
            Backend.BatchNormForward(new BatchNormForwardArgs(
                new(n, c, 1), input, null, null, Epsilon, null, output, mean, invStd));
            Backend.BatchNormBackward(new BatchNormBackwardArgs(
                new(n, c, 1), input, null, mean, invStd, On(gradOutput), gradInput, null, null));
            results.Add([.. Read(output), .. Read(gradInput)]);
        }

        Assert.That(Comparison.RelativeError(results[1], results[0]), Is.LessThan(16 * UnitRoundoff));
    }

    [Test]
    public void FirstValuesFarFromTheMean_CostNoDigits()
    {
        // Every row that could serve as an origin is far away from all others.
        const int n = 4096, c = 8;
        var x = RandomVector.Normal(1, n * c);
        for (var i = 0; i < n; i += 512)
            x.AsSpan(i * c, c).Fill(1e4);
        x = Rounded(x);
        var expected = new BatchNormCase(x, null, null, [n, c], Epsilon, UnitRoundoff);
        foreach (var blocks in new[] { 1, 8, 64 })
        {
            var (_, invStd) = Statistics(n, c, Packs(c)[^1], blocks, TensorOf(x, [n, c]));
            Assert.That(
                invStd[0], Is.EqualTo(expected.InvStd[0]).Within(8 * Math.Sqrt(n) * UnitRoundoff * expected.InvStd[0]));
        }
    }

    [Category("Large")]
    [TestCase(70_000, 2)]
    [TestCase(900_000, 3)]
    [TestCase(2, 70_000)]
    [TestCase(3, 900_000)]
    public void ManyRowsOrChannels_AreNormalized(int n, int c)
    {
        var x = RandomVector.Integers(3, n * c, 3);
        var output = Poison([n, c]);
        using var mean = new Tensor([c], DType.Float64, Device);
        using var invStd = new Tensor([c], DType.Float64, Device);
        Backend.BatchNormForward(new BatchNormForwardArgs(
            new(n, c, 1), TensorOf(x, [n, c]), null, null, Epsilon, null, output, mean, invStd));
        var expected = new BatchNormCase(x, null, null, [n, c], Epsilon, UnitRoundoff);
        // In Float64 the reference rounds its long sums as much as the kernel may.
        ErrorBound.AssertWithin(
            "output", Read(output), expected.Output, [.. expected.OutputBound.Select(bound => 2 * bound)]);
    }

    private int[] Packs(int channels)
    {
        var pack = 16 / DType.Size();
        return channels % pack == 0 ? [1, pack] : [1];
    }

    private Tensor Ones(int length)
    {
        var one = Own(new Tensor([length], DType.Float64, Device));
        Backend.Fill(one, 1);
        return one;
    }

    private CudaBackend.BoundKernel Kernel(string name, int pack) =>
        Backend.Kernel(CudaBackend.BatchNormRowsFile, name, DType, [new KernelConstant("PACK", pack)]);

    private unsafe (double[] Mean, double[] InvStd) Statistics(int n, int c, int pack, int blocks, Tensor x)
    {
        var rows = ChannelRows.Of(n, c, pack, blocks);
        var mean = Own(new Tensor([c], DType.Float64, Device));
        var invStd = Own(new Tensor([c], DType.Float64, Device));
        var parts = Own(new Tensor([3 * c * rows.Slices], DType.Float64, Device));
        Backend.Fill(parts, double.NaN);
        using (Backend.Enter())
        {
            Kernel("batch_norm_rows_stats", pack).Launch(
                rows.Blocks(pack), ChannelRows.Threads, [KernelArgument.Struct(&rows), x, parts, (Tensor?)null]);
            var results = new BatchStatistics(mean.Address, invStd.Address, 0, 0, 0, Momentum: 0, Epsilon, IsUnbiased: 0);
            Backend.Kernel(CudaBackend.BatchNormFile, "batch_norm_finish_stats", DType, [new("PACK", 1)]).Launch(
                c, 32, [parts, (long)rows.Slices, KernelArgument.Struct(&results)]);
        }

        return (mean.ToArray<double>(), invStd.ToArray<double>());
    }
}
