using CudaBn.Backends.Cuda;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class GlobalAvgPoolKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    [Test]
    public void AnyLaunchShape_GivesTheReference(
        [Values("1x1", "7x49", "3x1023", "5x1025", "1100x3", "2x3000")] string sizes,
        [Values("1x1x1", "1x32x8", "3x64x64", "7x256x1", "2x256x256")] string launch,
        [Values(1, 2, 7)] int parts)
    {
        int[] s = [.. sizes.Split('x').Select(int.Parse)], l = [.. launch.Split('x').Select(int.Parse)];
        var (planes, size, blocks, threads, lanes) = (s[0], s[1], l[0], l[1], l[2]);
        var x = RandomVector.Integers(1, planes * size, 100);
        var gradOutput = Rounded(RandomVector.Normal(2, planes));
        Tensor input = TensorOf(x, [x.Length]), output = Poison([planes]), gradInput = Poison([x.Length]);
        var gradient = TensorOf(gradOutput, [planes]);
        var sums = Own(new Tensor([planes * parts], DType.Float64, Device));
        // The last parts of a short plane are empty.
        var partSize = (size + parts - 1) / parts;

        using (Backend.Enter())
        {
            Launch(
                "global_avg_pool_forward",
                [input, (long)planes, (long)size, (long)parts, (long)partSize, lanes, output, sums]);
            if (parts > 1)
                Launch("global_avg_pool_merge", [sums, (long)planes, (long)parts, (long)size, output]);
            Launch("global_avg_pool_backward", [gradient, (long)planes, (long)size, gradInput]);
        }

        ErrorBound.AssertEqual(
            "output", Read(output), Rounded(ReferenceAdaptiveAvgPool.Forward(x, planes, (1, 1, size), 1)));
        ErrorBound.AssertEqual(
            "input gradient", Read(gradInput),
            Rounded(ReferenceAdaptiveAvgPool.Backward(gradOutput, planes, (1, 1, size), 1)));

        void Launch(string kernel, ReadOnlySpan<KernelArgument> arguments) =>
            Backend.Kernel(CudaBackend.GlobalAvgPoolFile, kernel, DType).Launch(blocks, threads, arguments);
    }
}
