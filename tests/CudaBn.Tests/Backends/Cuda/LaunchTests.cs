using CudaBn.Backends.Cuda;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>A launch whose arguments do not fit the kernel is refused before the driver sees it.</summary>
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class LaunchTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    [Test]
    public void TooFewArguments_AreCounted()
    {
        var y = TensorOf([1, 2], [2]);
        Refuse("has 3 parameters, and was given 2", [KernelArgument.Real(5, DType), 2L]);
        Assert.That(Read(y), Is.EqualTo(new double[] { 1, 2 }));
    }

    [Test]
    public void AnArgumentOfAnotherSize_IsNamed()
    {
        var y = TensorOf([1, 2], [2]);
        Refuse("Parameter 1 of fill", [KernelArgument.Real(5, DType), 2, y]);
        KernelArgument otherReal = DType == DType.Float32 ? KernelArgument.Real(5, DType.Float64) : 5f;
        Refuse("Parameter 0 of fill", [otherReal, 2L, y]);
        Assert.That(Read(y), Is.EqualTo(new double[] { 1, 2 }));
    }

    [Test]
    public void ABlockTooLargeForAnyDevice_IsTheDriversError()
    {
        var y = TensorOf([1, 2], [2]);
        using (Backend.Enter())
            Assert.That(
                () => Backend.Kernel(CudaBackend.FillFile, "fill", DType)
                    .Launch(1, 4096, [KernelArgument.Real(5, DType), 2L, y]),
                Throws.TypeOf<CudaException>().With.Message.Contains("cuLaunchKernel of fill"));
        Assert.That(Read(y), Is.EqualTo(new double[] { 1, 2 }), "nothing ran, and the device still works");
    }

    [Test]
    public void AKernelThatIsNotThere_IsTheDriversError()
    {
        using var scope = Backend.Enter();
        Assert.That(
            () => Backend.Kernel(CudaBackend.FillFile, "overflow", DType),
            Throws.TypeOf<CudaException>().With.Message.Contains("cuModuleGetFunction"));
    }

    private void Refuse(string message, KernelArgument[] arguments)
    {
        using var scope = Backend.Enter();
        Assert.That(
            () => Backend.Kernel(CudaBackend.FillFile, "fill", DType).Launch(1, 32, arguments),
            Throws.ArgumentException.With.Message.Contains(message).And.Message.Contains("fill.cu"));
    }
}
