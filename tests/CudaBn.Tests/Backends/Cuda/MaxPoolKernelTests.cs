using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class MaxPoolKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
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
            new(41, (1, 10, 10), (1, 2, 2), (1, 2, 2), 0),
            new(2, (1, 46, 46), (1, 2, 2), (1, 2, 2), 0),
            new(1, (1, 35, 34), (1, 17, 17), (1, 3, 3), (0, 8, 8)),
            new(3, (7, 11, 13), (3, 2, 3), (2, 1, 2), 1),
            new(5, (4, 6, 10), 2, 2, 0, CeilMode: true),
            new(2, (8, 7, 9), (7, 6, 7), 1, 3),
        }
        from launch in new (int Blocks, int Threads)[] { (1, 1), (1, 96), (3, 32), (7, 1024) }
        select new TestCaseData(sizes, launch.Blocks, launch.Threads);

    [TestCaseSource(nameof(Cases))]
    public void AnyLaunchShape_GivesTheReference(PoolSizes sizes, int blocks, int threads)
    {
        var x = RandomVector.Integers(1, sizes.InputLength, 3);
        var (y, indices) = ReferenceMaxPool.Forward(x, sizes);
        var gradOutput = RandomVector.Integers(2, y.Length, 1000);
        var gradInput = ReferenceMaxPool.Backward(gradOutput, indices, sizes);
        var geometry = new PoolGeometry(
            sizes.Planes, sizes.Input, sizes.Output, sizes.Window, sizes.Stride, sizes.Padding);
        var type = geometry.ArgMaxType == DType.UInt8 ? "uint8" : "int32";

        Check($"forward_{type}", $"backward_{type}");
        if (sizes.Window == new Size3d(1, 2, 2))
            Check("pairs_forward", "pairs_backward");
        if (sizes.Window == new Size3d(1, 3, 3))
            Check($"forward_3x3_stride_{geometry.StrideX}", $"backward_3x3_stride_{geometry.StrideX}");

        void Check(string forward, string backward)
        {
            var output = Poison([y.Length]);
            var argMax = Own(new Tensor([y.Length], geometry.ArgMaxType, Device));
            var actualGradInput = Poison([x.Length]);
            Launch(forward, geometry, TensorOf(x, [x.Length]), output, argMax, blocks, threads);
            Launch(backward, geometry, argMax, TensorOf(gradOutput, [y.Length]), actualGradInput, blocks, threads);

            ErrorBound.AssertExact(forward, Read(output), y);
            Assert.That(PlacesInPlane(argMax, geometry), Is.EqualTo(indices), forward);
            ErrorBound.AssertEqual(backward, Read(actualGradInput), gradInput);
        }
    }

    [TestCase(2, 0)]
    [TestCase(3, 1)]
    public void UnalignedTensors_PoolAsAlignedOnes(int window, int padding)
    {
        var x = RandomVector.Integers(3, 3 * 6 * 10, 5);
        var (y, indices) = ReferenceMaxPool2d.Forward(x, 3, 1, 6, 10, window, window, 2, 2, padding, padding);
        var gradOutput = RandomVector.Integers(4, y.Length, 1000);
        var geometry = new PoolGeometry(
            3, (1, 6, 10), (1, 3, 5), (1, window, window), (1, 2, 2), (0, padding, padding));
        var output = Shifted(new double[y.Length], [y.Length]);
        var argMax = Own(new Tensor([y.Length], DType.UInt8, Device));
        var gradInput = Shifted(new double[x.Length], [x.Length]);

        Backend.MaxPoolForward(new MaxPoolForwardArgs(geometry, Shifted(x, [x.Length]), output, argMax));
        Backend.MaxPoolBackward(
            new MaxPoolBackwardArgs(geometry, argMax, Shifted(gradOutput, [y.Length]), gradInput));

        ErrorBound.AssertExact("output", Read(output), y);
        ErrorBound.AssertEqual(
            "input gradient", Read(gradInput), ReferenceMaxPool2d.Backward(gradOutput, indices, 3, 1, 6, 10, 3, 5));
    }

    [Test]
    public void Backward_OverlappingWindows_AddUpInRowMajorOrder()
    {
        // 2^p + 1 - 2^p is 1 or 0, as the order has it: all nine windows have the middle as their maximum.
        var large = Math.ScaleB(1, DType == DType.Float32 ? 25 : 54);
        double[] gradOutput = [1, large, -large, 1, 1, large, 1, -large, 1];
        double expected = 0;
        foreach (var gradient in gradOutput)
            expected = DType == DType.Float32 ? (float)(expected + gradient) : expected + gradient;
        var x = new double[25];
        x[12] = 1;
        var geometry = new PoolGeometry(1, (1, 5, 5), (1, 3, 3), (1, 3, 3), 1, 0);
        var argMax = Own(new Tensor([9], DType.UInt8, Device));
        var gradInput = Poison([25]);

        Backend.MaxPoolForward(new MaxPoolForwardArgs(geometry, TensorOf(x, [25]), Poison([9]), argMax));
        Backend.MaxPoolBackward(new MaxPoolBackwardArgs(geometry, argMax, TensorOf(gradOutput, [9]), gradInput));

        Assert.That(Read(gradInput)[12], Is.EqualTo(expected));
    }

    [Test]
    public void Windows3x3_OfNaNAndInfinities_HaveTheFirstOfTheGreatest([Values(1, 2)] int stride)
    {
        // Windows of nothing but negative infinity have the first of their places.
        var x = RandomVector.Integers(5, 3 * 9 * 8, 3);
        double[] values = [double.NegativeInfinity, double.NaN, double.PositiveInfinity, -1];
        for (var i = 0; i < x.Length; i++)
            x[i] = i < x.Length / 3 ? double.NegativeInfinity : values[Math.Abs((int)x[i])];
        var geometry = new PoolGeometry(
            3, (1, 9, 8), (1, (9 + 2 - 3) / stride + 1, (8 + 2 - 3) / stride + 1), (1, 3, 3), (1, stride, stride), (0, 1, 1));
        var (y, indices) = ReferenceMaxPool2d.Forward(x, 3, 1, 9, 8, 3, 3, stride, stride, 1, 1);
        var output = Poison([y.Length]);
        var argMax = Own(new Tensor([y.Length], DType.UInt8, Device));

        Backend.MaxPoolForward(new MaxPoolForwardArgs(geometry, TensorOf(x, [x.Length]), output, argMax));

        ErrorBound.AssertExact("output", Read(output), y);
        Assert.That(PlacesInPlane(argMax, geometry), Is.EqualTo(indices));
    }

    private void Launch(
        string kernel, PoolGeometry geometry, Tensor first, Tensor second, Tensor third, int blocks, int threads)
    {
        using var scope = Backend.Enter();
        unsafe
        {
            Backend.Kernel(CudaBackend.MaxPoolFile, $"max_pool_{kernel}", DType).Launch(
                blocks, threads, [KernelArgument.Struct(&geometry), first, second, third]);
        }
    }

    private static int[] PlacesInPlane(Tensor argMax, PoolGeometry g)
    {
        int[] places = argMax.DType == DType.UInt8
            ? Array.ConvertAll(argMax.ToArray<byte>(), place => (int)place)
            : argMax.ToArray<int>();
        for (var i = 0; i < places.Length; i++)
        {
            var (oz, oy, ox) = (
                i / g.OutWidth / g.OutHeight % g.OutDepth, i / g.OutWidth % g.OutHeight, i % g.OutWidth);
            var (line, column) = Math.DivRem(places[i], g.WindowWidth);
            var (slice, row) = Math.DivRem(line, g.WindowHeight);
            places[i] =
                ((oz * g.StrideZ - g.PaddingZ + slice) * g.InHeight + oy * g.StrideY - g.PaddingY + row) * g.InWidth
                + ox * g.StrideX - g.PaddingX + column;
        }

        return places;
    }
}
