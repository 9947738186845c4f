using CudaBn.Backends.Cuda;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class MeanSquaredErrorKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    [Test]
    public void AnyLaunchShape_IsExactOnIntegers(
        [Values(1, 31, 4099)] int length, [Values(1, 5, 40)] int blocks, [Values(1, 32, 256)] int threads)
    {
        var (x, target) = (RandomVector.Integers(1, length, 5), RandomVector.Integers(2, length, 5));
        var (prediction, goal) = (Shifted(x, [length]), Shifted(target, [length]));
        Tensor loss = Poison([1]), gradient = Poison([length]);

        using (Backend.Enter())
        {
            Backend.Kernel(CudaBackend.MeanSquaredErrorFile, "mean_squared_error_forward", DType).Launch(
                blocks, threads,
                [
                    prediction, goal, (long)length, 0.5, loss, Backend.Scratch((long)blocks * sizeof(double)),
                    Backend.Counters(1),
                ]);
            Backend.Kernel(CudaBackend.MeanSquaredErrorFile, "mean_squared_error_backward", DType).Launch(
                blocks, threads, [prediction, goal, (long)length, KernelArgument.Real(1, DType), gradient]);
        }

        ErrorBound.AssertEqual(
            "loss", Read(loss), [ReferenceMeanSquaredError.Forward(x, target, mean: false) / 2]);
        ErrorBound.AssertEqual("gradient", Read(gradient), [.. x.Zip(target, (a, b) => a - b)]);
    }
}
