using CudaBn.Backends.Cuda;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class WarmUpTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    [Test]
    public void OperatorsAfterwards_CompileNothing()
    {
        Backend.WarmUp(DType);
        EveryOperator.RunCompiledPerLayer(Device, DType);
        var compiled = KernelImages.OfThisProcess.CompiledCount;
        EveryOperator.Run(Device, DType);
        Assert.That(KernelImages.OfThisProcess.CompiledCount, Is.EqualTo(compiled));
    }

    [Test]
    public void IntegerType_IsRefused() =>
        Assert.That(() => Backend.WarmUp(DType.Int32), Throws.ArgumentException.With.Message.Contains("Int32"));
}
