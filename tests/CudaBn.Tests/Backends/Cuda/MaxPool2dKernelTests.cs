using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class MaxPool2dKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private static IEnumerable<TestCaseData> Cases() =>
        from c in new[]
        {
            // Shapes are [planes, 1, height, width]: one value, rows of primes, just past a tile of 1,024 inputs or outputs.
            (Shape: new[] { 1, 1, 1 }, Window: 1, Stride: 1, Padding: 0),
            (Shape: [3, 7, 13], Window: 3, Stride: 1, Padding: 1),
            (Shape: [5, 41, 5], Window: 3, Stride: 2, Padding: 1),
            (Shape: [1025, 1, 1], Window: 3, Stride: 1, Padding: 1),
            (Shape: [41, 10, 10], Window: 2, Stride: 2, Padding: 0),
            (Shape: [2, 46, 46], Window: 2, Stride: 2, Padding: 0),
            (Shape: [1, 35, 34], Window: 17, Stride: 3, Padding: 8),
        }
        from launch in new (int Blocks, int Threads)[] { (1, 1), (1, 96), (3, 32), (7, 1024) }
        select new TestCaseData(c.Shape, c.Window, c.Stride, c.Padding, launch.Blocks, launch.Threads);

    [TestCaseSource(nameof(Cases))]
    public void AnyLaunchShape_GivesTheReference(
        int[] shape, int window, int stride, int padding, int blocks, int threads)
    {
        var (planes, height, width) = (shape[0], shape[1], shape[2]);
        var x = RandomVector.Integers(1, planes * height * width, 3);
        var (y, indices) = ReferenceMaxPool2d.Forward(
            x, planes, 1, height, width, window, window, stride, stride, padding, padding);
        var (outHeight, outWidth) = (ReferenceMaxPool2d.OutputSize(height, window, stride, padding),
            ReferenceMaxPool2d.OutputSize(width, window, stride, padding));
        var gradOutput = RandomVector.Integers(2, y.Length, 1000);
        var gradInput = ReferenceMaxPool2d.Backward(gradOutput, indices, planes, 1, height, width, outHeight, outWidth);
        var geometry = new MaxPool2dGeometry(
            planes, height, width, outHeight, outWidth, window, window, stride, stride, padding, padding);
        var type = geometry.ArgMaxType == DType.UInt8 ? "uint8" : "int32";

        Check($"forward_{type}", $"backward_{type}");
        if (window == 2)
            Check("pairs_forward", "pairs_backward");

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

    [Test]
    public void UnalignedTensors_PoolAsAlignedOnes()
    {
        var x = RandomVector.Integers(3, 3 * 6 * 10, 5);
        var (y, indices) = ReferenceMaxPool2d.Forward(x, 3, 1, 6, 10, 2, 2, 2, 2, 0, 0);
        var gradOutput = RandomVector.Integers(4, y.Length, 1000);
        var geometry = new MaxPool2dGeometry(3, 6, 10, 3, 5, 2, 2, 2, 2, 0, 0);
        var output = Shifted(new double[y.Length], [y.Length]);
        var argMax = Own(new Tensor([y.Length], DType.UInt8, Device));
        var gradInput = Shifted(new double[x.Length], [x.Length]);

        Backend.MaxPool2dForward(new MaxPool2dForwardArgs(geometry, Shifted(x, [x.Length]), output, argMax));
        Backend.MaxPool2dBackward(
            new MaxPool2dBackwardArgs(geometry, argMax, Shifted(gradOutput, [y.Length]), gradInput));

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
        var geometry = new MaxPool2dGeometry(1, 5, 5, 3, 3, 3, 3, 1, 1, 0, 0);
        var argMax = Own(new Tensor([9], DType.UInt8, Device));
        var gradInput = Poison([25]);

        Backend.MaxPool2dForward(new MaxPool2dForwardArgs(geometry, TensorOf(x, [25]), Poison([9]), argMax));
        Backend.MaxPool2dBackward(new MaxPool2dBackwardArgs(geometry, argMax, TensorOf(gradOutput, [9]), gradInput));

        Assert.That(Read(gradInput)[12], Is.EqualTo(expected));
    }

    private void Launch(
        string kernel, MaxPool2dGeometry geometry, Tensor first, Tensor second, Tensor third, int blocks, int threads)
    {
        using var scope = Backend.Enter();
        unsafe
        {
            Backend.Kernel(CudaBackend.MaxPool2dFile, $"max_pool2d_{kernel}", DType).Launch(
                blocks, threads, [KernelArgument.Struct(&geometry), first, second, third]);
        }
    }

    private static int[] PlacesInPlane(Tensor argMax, MaxPool2dGeometry g)
    {
        int[] places = argMax.DType == DType.UInt8
            ? Array.ConvertAll(argMax.ToArray<byte>(), place => (int)place)
            : argMax.ToArray<int>();
        for (var i = 0; i < places.Length; i++)
        {
            var (oy, ox) = (i / g.OutWidth % g.OutHeight, i % g.OutWidth);
            var (row, column) = (places[i] / g.WindowWidth, places[i] % g.WindowWidth);
            places[i] = (oy * g.StrideY - g.PaddingY + row) * g.InWidth + ox * g.StrideX - g.PaddingX + column;
        }

        return places;
    }
}
