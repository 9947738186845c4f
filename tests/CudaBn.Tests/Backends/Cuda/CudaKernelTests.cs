using CudaBn.Backends.Cuda;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public class CudaKernelTests : CudaFixture
{
    private static readonly KernelFile _fill = new("fill.cu");

    [Test]
    public void Launch_WrongArguments_AreNamedBeforeAnythingRuns()
    {
        using var tensor = Tensor.Zeros([8], DType.Float32, Device);
        using var scope = Backend.Enter();
        var kernel = Backend.Kernel(_fill, "fill", DType.Float32);
        Assert.That(
            () => kernel.Launch(1, 32, [KernelArgument.Real(1, DType.Float32), 8L]),
            Throws.ArgumentException.With.Message.EqualTo("fill of fill.cu has 3 parameters, and was given 2."));
        Assert.That(
            () => kernel.Launch(1, 32, [KernelArgument.Real(1, DType.Float64), 8L, tensor]),
            Throws.ArgumentException.With.Message.EqualTo("Parameter 0 of fill of fill.cu has 4 bytes, and was given 8."));
        Assert.That(
            () => kernel.Launch(1, 32, [KernelArgument.Real(1, DType.Float32), 8, tensor]),
            Throws.ArgumentException.With.Message.EqualTo("Parameter 1 of fill of fill.cu has 8 bytes, and was given 4."));
        Assert.That(tensor.ToArray<float>(), Is.All.Zero);
    }

    [Test]
    public void Kernel_UnknownName_IsACudaException()
    {
        using var scope = Backend.Enter();
        Assert.That(
            () => Backend.Kernel(_fill, "full", DType.Float32),
            Throws.TypeOf<CudaException>().With.Message.Contains("CUDA_ERROR_NOT_FOUND"));
    }

    [Test]
    public void Real_HasTheSizeOfTheElementType()
    {
        Assert.That(KernelArgument.Real(0.1, DType.Float32).Size, Is.EqualTo(sizeof(float)));
        Assert.That(KernelArgument.Real(0.1, DType.Float64).Size, Is.EqualTo(sizeof(double)));
    }

    [Test]
    public void Kernels_OfSeveralThreads_CompileAtOnceAndRun()
    {
        Parallel.For(0, 4, i =>
        {
            using var backend = new CudaBackend();
            using var x = Tensor.From<float>([-1, i], [2], backend.Device);
            backend.ReLUForward(new(x, x));
            backend.Fill(x, x.ToArray<float>()[1] + 1);
            Assert.That(x.ToArray<float>(), Is.All.EqualTo(i + 1));
        });
    }
}
