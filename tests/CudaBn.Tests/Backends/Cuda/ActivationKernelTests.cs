using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class ActivationKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    [Test]
    public void AnyLaunchShape_GivesTheBitsOfTheBackend(
        [Values] ActivationKind kind, [Values(1, 3)] int blocks, [Values(1, 96, 1024)] int threads)
    {
        const int length = 4099;
        var x = Shifted(Rounded(RandomVector.Normal(1, length)), [length]);
        var gradY = Shifted(Rounded(RandomVector.Normal(2, length)), [length]);
        Tensor y = Poison([length]), gradX = Poison([length]);
        Backend.ActivationForward(new ActivationForwardArgs(kind, 0.1, x, y));
        Backend.ActivationBackward(new ActivationBackwardArgs(kind, 0.1, x, gradY, gradX));
        Tensor again = Poison([length]), gradAgain = Poison([length]);

        using (Backend.Enter())
        {
            Backend.Kernel(CudaBackend.ActivationFile, "activation_forward", DType).Launch(
                blocks, threads, [(int)kind, KernelArgument.Real(0.1, DType), x, (long)length, again]);
            Backend.Kernel(CudaBackend.ActivationFile, "activation_backward", DType).Launch(
                blocks, threads, [(int)kind, KernelArgument.Real(0.1, DType), x, gradY, (long)length, gradAgain]);
        }

        Assert.That(TensorBits.Of(again), Is.EqualTo(TensorBits.Of(y)));
        Assert.That(TensorBits.Of(gradAgain), Is.EqualTo(TensorBits.Of(gradX)));
    }
}
