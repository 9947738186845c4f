using CudaBn.Backends.Cuda;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class GradientNormKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private static readonly int[] Sizes = [1, 1023, 1024, 1025, 3, 4099];

    [Test]
    public unsafe void AnyBlockSize_IsExactOnIntegers([Values(1, 2, 32, 256)] int threads)
    {
        var gradients = Sizes.Select((size, i) => RandomVector.Integers(i, size, 50)).ToArray();
        GradientTensors tensors = default;
        for (var i = 0; i < Sizes.Length; i++)
        {
            tensors.Gradient[i] = Shifted(gradients[i], [Sizes[i]]).Address;
            TensorChunks.Add(i, Sizes[i], tensors.Elements, tensors.FirstChunk);
        }

        var chunks = (int)tensors.FirstChunk[Sizes.Length];
        var sums = Own(new Tensor([chunks], DType.Float64, Device));
        var norm = Own(new Tensor([1], DType.Float64, Device));
        var scale = Own(new Tensor([1], DType.Float64, Device));
        using (Backend.Enter())
        {
            Backend.Kernel(CudaBackend.GradientNormFile, "gradient_squares", DType).Launch(
                chunks, threads, [KernelArgument.Struct(&tensors), Sizes.Length, sums]);
            Backend.Kernel(CudaBackend.GradientNormFile, "gradient_norm", DType).Launch(
                1, threads, [sums, (long)chunks, 2.0, norm, scale]);
        }

        var expected = Math.Sqrt(gradients.Sum(gradient => gradient.Sum(g => g * g)));
        Assert.That(norm.ToArray<double>()[0], Is.EqualTo(expected));
        Assert.That(scale.ToArray<double>()[0], Is.EqualTo(2 / (expected + 1e-6)));
    }

    [TestCase(GradientTensors.Capacity)]
    [TestCase(GradientTensors.Capacity + 1)]
    [TestCase(2 * GradientTensors.Capacity + 7)]
    public void MoreParametersThanALaunchTakes_CountAll(int count)
    {
        var parameters = Enumerable.Range(0, count).Select(i =>
        {
            var parameter = Own(new Parameter($"p{i}", [1 + i % 3], DType, Device));
            Write(RandomVector.Integers(i, 1 + i % 3, 9), parameter.Gradient);
            Write(new double[1 + i % 3], parameter.Value);
            return parameter;
        }).ToArray();
        var optimizer = Own(new Sgd(parameters, 1, maxGradientNorm: 1));

        optimizer.Step();

        var expected = Math.Sqrt(parameters.Sum(parameter => Read(parameter.Gradient).Sum(g => g * g)));
        Assert.That(optimizer.GradientNorm!.ToArray<double>()[0], Is.EqualTo(expected));
    }
}
