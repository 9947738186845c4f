using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>Average pooling over windows of a fixed size and adaptive, whose kernels share what they do.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class AvgPoolKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private static readonly (int Blocks, int Threads)[] Launches = [(1, 1), (1, 96), (3, 32), (7, 256)];

    private static IEnumerable<TestCaseData> Cases() =>
        from sizes in new PoolSizes[]
        {
            // One value, rows of primes, just past a tile of 1,024 inputs or outputs.
            new(1, 1, 1, 1, 0),
            new(3, (1, 7, 13), (1, 3, 3), 1, (0, 1, 1)),
            new(5, (1, 41, 5), (1, 3, 3), (1, 2, 2), (0, 1, 1), CeilMode: true),
            new(1025, 1, (1, 3, 3), 1, (0, 1, 1)),
            // Squares of two inputs that end in the middle, begin in the padding, and are stored in pairs or not.
            new(3, (1, 10, 12), (1, 3, 3), (1, 2, 2), (0, 1, 1)),
            new(7, (1, 11, 13), (1, 3, 3), (1, 2, 2), 0, CeilMode: true),
            new(5, (1, 24, 22), (1, 3, 3), (1, 2, 2), 0),
            new(2, (1, 4, 5), (1, 3, 3), 1, 0),
            new(2, (1, 46, 46), (1, 2, 2), (1, 2, 2), 0),
            new(1, (1, 35, 34), (1, 17, 17), (1, 3, 3), (0, 8, 8)),
            new(3, (7, 11, 13), (3, 2, 3), (2, 1, 2), 1),
            new(5, (4, 6, 10), 2, 3, 0, CeilMode: true),
        }
        from launch in Launches
        select new TestCaseData(sizes, launch.Blocks, launch.Threads);

    private static IEnumerable<TestCaseData> AdaptiveCases() =>
        from sizes in new (int Planes, Size3d From, Size3d To)[]
        {
            (1, 1, 1),
            (3, (1, 7, 13), (1, 3, 5)),
            (5, (1, 3, 41), (1, 7, 2)),
            (1025, 1, (1, 2, 1)),
            (3, (7, 5, 11), (2, 7, 3)),
        }
        from launch in Launches
        select new TestCaseData(sizes.Planes, sizes.From, sizes.To, launch.Blocks, launch.Threads);

    [TestCaseSource(nameof(Cases))]
    public void AnyLaunchShape_GivesTheReference(PoolSizes sizes, int blocks, int threads)
    {
        var geometry = new PoolGeometry(
            sizes.Planes, sizes.Input, sizes.Output, sizes.Window, sizes.Stride, sizes.Padding);
        foreach (var (counts, divisor) in new[] { (true, 0), (false, 0), (true, 2) })
        {
            int? divisorOverride = divisor == 0 ? null : divisor;
            string[] kinds = sizes.Window == new Size3d(1, 3, 3) ? ["", $"_3x3_stride_{geometry.StrideX}"] : [""];
            foreach (var kind in kinds)
            {
                Check(
                    $"avg_pool_forward{kind}", sizes.InputLength,
                    (v, divides) => ReferenceAvgPool.Forward(v, sizes, counts, divides ? divisorOverride : 1));
                Check(
                    $"avg_pool_backward{kind}", sizes.OutputLength,
                    (v, divides) => ReferenceAvgPool.Backward(v, sizes, counts, divides ? divisorOverride : 1));
            }

            void Check(string kernel, int length, Func<double[], bool, double[]> reference) =>
                CheckWithinRounding(length, reference, (source, destination) =>
                {
                    unsafe
                    {
                        var copy = geometry;
                        Backend.Kernel(CudaBackend.AvgPoolFile, kernel, DType).Launch(
                            blocks, threads,
                            [KernelArgument.Struct(&copy), counts ? 1 : 0, divisor, source, destination]);
                    }
                });
        }
    }

    [TestCaseSource(nameof(AdaptiveCases))]
    public void Adaptive_AnyLaunchShape_GivesTheReference(int planes, Size3d from, Size3d to, int blocks, int threads)
    {
        var geometry = new AdaptiveAvgPoolGeometry(
            planes, from.Depth, from.Height, from.Width, to.Depth, to.Height, to.Width);
        Check(
            "adaptive_avg_pool_forward", planes * from.Depth * from.Height * from.Width,
            (v, divides) => ReferenceAdaptiveAvgPool.Forward(v, planes, from, to, divides));
        Check(
            "adaptive_avg_pool_backward", planes * to.Depth * to.Height * to.Width,
            (v, divides) => ReferenceAdaptiveAvgPool.Backward(v, planes, from, to, divides));

        void Check(string kernel, int length, Func<double[], bool, double[]> reference) =>
            CheckWithinRounding(length, reference, (source, destination) =>
            {
                unsafe
                {
                    var copy = geometry;
                    Backend.Kernel(CudaBackend.AdaptiveAvgPoolFile, kernel, DType).Launch(
                        blocks, threads, [KernelArgument.Struct(&copy), source, destination]);
                }
            });
    }

    [Test]
    public void Adaptive_SizesWhoseProductPasses32Bits_HaveTheSameWindows()
    {
        // 70,000 inputs to 69,999 windows of two, and the other way round: 4.9e9 is more than 2^32.
        var x = RandomVector.Integers(1, 70_000, 100);
        var output = Poison([69_999]);
        Backend.AdaptiveAvgPoolForward(new(
            new AdaptiveAvgPoolGeometry(1, 1, 1, 70_000, 1, 1, 69_999), TensorOf(x, [70_000]), output));
        var pairs = new double[69_999];
        for (var i = 0; i < pairs.Length; i++)
            pairs[i] = (x[i] + x[i + 1]) / 2;
        ErrorBound.AssertEqual("output", Read(output), pairs);

        var gradInput = Poison([70_000]);
        Backend.AdaptiveAvgPoolBackward(new(
            new AdaptiveAvgPoolGeometry(1, 1, 1, 70_000, 1, 1, 69_999), TensorOf(pairs, [69_999]), gradInput));
        var expected = new double[70_000];
        for (var i = 0; i < expected.Length; i++)
            expected[i] = ((i > 0 ? pairs[i - 1] : 0) + (i < pairs.Length ? pairs[i] : 0)) / 2;
        ErrorBound.AssertEqual("input gradient", Read(gradInput), expected);
    }

    // Sums of ones that nothing divides are numbers of terms.
    private void CheckWithinRounding(
        int length, Func<double[], bool, double[]> reference, Action<Tensor, Tensor> launch)
    {
        var source = Rounded(RandomVector.Normal(1, length));
        var expected = reference(source, true);
        var destination = Poison([expected.Length]);
        var tensor = TensorOf(source, [length]);
        using (Backend.Enter())
            launch(tensor, destination);
        ErrorBound.AssertWithin(
            "destination", Read(destination), expected,
            ErrorBound.OfSums(UnitRoundoff, reference(source.Ones(), false), reference(source.Absolute(), true)));
    }
}
