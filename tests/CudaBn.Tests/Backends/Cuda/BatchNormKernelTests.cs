using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Layers;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>The kernels of batch normalization with shares of the channels that the backend may never choose.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class BatchNormKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private const double Epsilon = 1e-5;

    private static IEnumerable<TestCaseData> Cases() =>
        from shape in new (int N, int C, int S)[]
        {
            // One channel, one position, one image; around the shortest plane; primes; just past a block's reach; threads
            // with visits in several planes at a time, and no more than some of them.
            (2, 1, 1), (1, 1, 2), (1, 3, 17), (129, 1, 1), (5, 33, 1), (67, 31, 3), (3, 5, 7), (3, 5, 8), (4, 2, 12),
            (2, 3, 131), (17, 2, 16), (1, 1, 1031), (97, 3, 24), (7, 1, 1500),
        }
        from blocks in new[] { 1, 3, 1000 }
        // Columns leave parts that no block could be the last of.
        from finisher in ChannelSlices.TakesColumns(shape.S)
            ? new[] { Finisher.Kernel } : [Finisher.Kernel, Finisher.LastBlock]
        select new TestCaseData(shape.N, shape.C, shape.S, blocks, finisher);

    /// <summary>Who merges what the blocks leave of a channel.</summary>
    public enum Finisher
    {
        Kernel,
        LastBlock,
    }

    [TestCaseSource(nameof(Cases))]
    public void Statistics_InEverySlices_AreThoseOfTheReference(int n, int c, int s, int blocks, Finisher finisher)
    {
        var x = RandomVector.Normal(n + s, n * c * s);
        var expected = new BatchNormCase(Rounded(x), null, null, [n, c, s], Epsilon, UnitRoundoff);
        foreach (var pack in Packs(s))
        {
            var mean = Own(new Tensor([c], DType.Float64, Device));
            var invStd = Own(new Tensor([c], DType.Float64, Device));
            Statistics(n, c, s, pack, blocks, finisher, TensorOf(x, [n, c, s]), mean, invStd);
            var bound = 8 * Math.Sqrt(n * s) * UnitRoundoff;
            for (var channel = 0; channel < c; channel++)
            {
                var deviation = Math.Sqrt(expected.Variance[channel]);
                Assert.That(
                    mean.ToArray<double>()[channel], Is.EqualTo(expected.Mean[channel]).Within(bound * deviation),
                    $"mean, pack {pack}");
                Assert.That(
                    invStd.ToArray<double>()[channel],
                    Is.EqualTo(expected.InvStd[channel]).Within(bound * expected.InvStd[channel]),
                    $"inverse deviation, pack {pack}");
            }
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Gradients_InEverySlices_AreExactOnIntegers(int n, int c, int s, int blocks, Finisher finisher)
    {
        // With mean 1 and deviation 1 all sums are of integers.
        var x = RandomVector.Integers(1, n * c * s, 5);
        var gradOutput = RandomVector.Integers(2, n * c * s, 5);
        var (gradBeta, gradGamma) = (new double[c], new double[c]);
        for (var i = 0; i < x.Length; i++)
        {
            gradBeta[i / s % c] += gradOutput[i];
            gradGamma[i / s % c] += gradOutput[i] * (x[i] - 1);
        }

        foreach (var pack in Packs(s))
        {
            var actualGamma = Poison([c]);
            var actualBeta = Poison([c]);
            Gradients(
                n, c, s, pack, blocks, finisher, TensorOf(x, [n, c, s]), TensorOf(gradOutput, [n, c, s]), actualGamma,
                actualBeta);
            ErrorBound.AssertEqual($"gamma gradient, pack {pack}", Read(actualGamma), gradGamma);
            ErrorBound.AssertEqual($"beta gradient, pack {pack}", Read(actualBeta), gradBeta);
        }
    }

    [Test]
    public void UnalignedTensors_NormalizeAsAlignedOnes()
    {
        const int n = 3, c = 2, s = 16;
        var x = RandomVector.Normal(1, n * c * s);
        var results = new List<double[]>();
        foreach (var input in new[] { TensorOf(x, [n, c, s]), Shifted(x, [n, c, s]) })
        {
            var output = Shifted(new double[x.Length], [n, c, s]);
            using var mean = new Tensor([c], DType.Float64, Device);
            using var invStd = new Tensor([c], DType.Float64, Device);
            Backend.BatchNormForward(new BatchNormForwardArgs(
                new BatchNormGeometry(n, c, s), input, null, null, Epsilon, null, output, mean, invStd));
            results.Add(Read(output));
        }

        var expected = new BatchNormCase(Rounded(x), null, null, [n, c, s], Epsilon, UnitRoundoff);
        foreach (var output in results)
            ErrorBound.AssertWithin("output", output, expected.Output, expected.OutputBound);
    }

    [Test]
    public void UnalignedAddend_IsAddedAsAnAlignedOne([Values] bool rectifies)
    {
        const int n = 3, c = 2, s = 16;
        double[] x = RandomVector.Normal(1, n * c * s), added = RandomVector.Normal(2, n * c * s);
        var results = new List<double[]>();
        foreach (var addend in new[] { TensorOf(added, [n, c, s]), Shifted(added, [n, c, s]) })
        {
            var output = Poison([n, c, s]);
            using var mean = new Tensor([c], DType.Float64, Device);
            using var invStd = new Tensor([c], DType.Float64, Device);
            Backend.BatchNormAddReLUForward(new BatchNormAddReLUForwardArgs(
                new BatchNormForwardArgs(
                    new BatchNormGeometry(n, c, s), TensorOf(x, [n, c, s]), null, null, Epsilon, null, output, mean, invStd),
                addend, rectifies));
            results.Add([.. Read(output), .. mean.ToArray<double>(), .. invStd.ToArray<double>()]);
        }

        ErrorBound.AssertExact("output and statistics", results[1], results[0]);
    }

    [Test]
    public void FirstValuesFarFromTheMean_CostNoDigits([Values] Finisher finisher)
    {
        // Every value that could serve as an origin is far away from all others.
        const int n = 8, c = 1, s = 4096;
        var x = RandomVector.Normal(1, n * s);
        for (var i = 0; i < n; i++)
            x[i * s] = 1e4;
        var expected = new BatchNormCase(Rounded(x), null, null, [n, c, s], Epsilon, UnitRoundoff);
        foreach (var blocks in new[] { 1, 8, 64 })
        {
            var mean = Own(new Tensor([c], DType.Float64, Device));
            var invStd = Own(new Tensor([c], DType.Float64, Device));
            Statistics(n, c, s, Packs(s)[^1], blocks, finisher, TensorOf(x, [n, c, s]), mean, invStd);
            Assert.That(
                invStd.ToArray<double>()[0],
                Is.EqualTo(expected.InvStd[0]).Within(8 * Math.Sqrt(n * s) * UnitRoundoff * expected.InvStd[0]));
        }
    }

    [Category("Large")]
    [TestCase(70_000, 1, 1)]
    [TestCase(2, 70_000, 1)]
    [TestCase(1, 70_000, 9)]
    public void MoreThan65535_ImagesOrChannels_AreNormalized(int n, int c, int s)
    {
        var x = RandomVector.Integers(3, n * c * s, 3);
        var input = TensorOf(x, [n, c, s]);
        var output = Poison([n, c, s]);
        using var mean = new Tensor([c], DType.Float64, Device);
        using var invStd = new Tensor([c], DType.Float64, Device);
        Backend.BatchNormForward(new BatchNormForwardArgs(
            new BatchNormGeometry(n, c, s), input, null, null, Epsilon, null, output, mean, invStd));
        var expected = new BatchNormCase(x, null, null, [n, c, s], Epsilon, UnitRoundoff);
        // In Float64 the reference rounds its long sums as much as the kernel may.
        ErrorBound.AssertWithin(
            "output", Read(output), expected.Output, [.. expected.OutputBound.Select(bound => 2 * bound)]);
    }

    private int[] Packs(int s)
    {
        var pack = 16 / DType.Size();
        return s % pack == 0 && !ChannelSlices.TakesColumns(s) ? [1, pack] : [1];
    }

    private unsafe void Statistics(
        int n, int c, int s, int pack, int blocks, Finisher finisher, Tensor x, Tensor mean, Tensor invStd)
    {
        var g = new BatchNormGeometry(n, c, s);
        var slices = ChannelSlices.Of(n, c, s, pack, blocks);
        var parts = Parts(3 * c * slices.PartsPerChannel(s));
        var results = new BatchStatistics(mean.Address, invStd.Address, 0, 0, 0, Momentum: 0, Epsilon, IsUnbiased: 0);
        var counters = Counters(finisher, c);
        using (Backend.Enter())
        {
            KernelConstant[] constants = [new("PACK", pack)];
            Backend.Kernel(CudaBackend.BatchNormFile, "batch_norm_stats", DType, constants).Launch(
                slices.Blocks(c, s), ChannelSlices.Threads,
                [
                    KernelArgument.Struct(&g), KernelArgument.Struct(&slices), x, parts, counters,
                    KernelArgument.Struct(&results),
                ]);
            if (counters is null)
            {
                Backend.Kernel(CudaBackend.BatchNormFile, "batch_norm_finish_stats", DType, constants).Launch(
                    c, 32, [parts, slices.PartsPerChannel(s), KernelArgument.Struct(&results)]);
            }
        }

        AssertAreZero(counters);
    }

    private unsafe void Gradients(
        int n, int c, int s, int pack, int blocks, Finisher finisher, Tensor x, Tensor gradOutput, Tensor gradGamma,
        Tensor gradBeta)
    {
        var g = new BatchNormGeometry(n, c, s);
        var slices = ChannelSlices.Of(n, c, s, pack, blocks);
        var one = Own(new Tensor([c], DType.Float64, Device));
        Backend.Fill(one, 1);
        var parts = Parts(2 * c * slices.PartsPerChannel(s));
        var sums = Own(new Tensor([2 * c], DType.Float64, Device));
        var statistics = new BatchNormStatistics(one.Address, one.Address, 0, 0, 0);
        var results = new ChannelGradients(sums.Address, gradGamma.Address, gradBeta.Address);
        var counters = Counters(finisher, c);
        using (Backend.Enter())
        {
            KernelConstant[] constants = [new("PACK", pack)];
            Backend.Kernel(CudaBackend.BatchNormFile, "batch_norm_backward_reduce", DType, constants).Launch(
                slices.Blocks(c, s), ChannelSlices.Threads,
                [
                    KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics), x,
                    gradOutput, parts, counters, KernelArgument.Struct(&results),
                ]);
            if (counters is null)
            {
                Backend.Kernel(CudaBackend.BatchNormFile, "batch_norm_finish_gradients", DType, constants).Launch(
                    c, 32,
                    [
                        parts, slices.PartsPerChannel(s), KernelArgument.Struct(&statistics),
                        KernelArgument.Struct(&results),
                    ]);
            }
        }

        AssertAreZero(counters);
    }

    private Tensor Parts(long length)
    {
        var parts = Own(new Tensor([checked((int)length)], DType.Float64, Device));
        Backend.Fill(parts, double.NaN);
        return parts;
    }

    private Tensor? Counters(Finisher finisher, int channels) =>
        finisher == Finisher.LastBlock ? Own(Tensor.Zeros([channels], DType.Int32, Device)) : null;

    private static void AssertAreZero(Tensor? counters)
    {
        if (counters is not null)
            Assert.That(counters.ToArray<int>(), Is.All.Zero, "counters");
    }
}
