using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class FirstNonFiniteKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private static readonly int[] Sizes = [1, 1023, 1024, 1025, 3, 4099];

    // The neighbours in memory of every tensor are NaN.
    [Test]
    public unsafe void AnyBlockSize_FindsTheFirst([Values(1, 2, 32, 256)] int threads, [Values] bool isBroken)
    {
        var values = Sizes.Select((size, i) => RandomVector.Integers(i, size, 50)).ToArray();
        if (isBroken)
        {
            foreach (var of in values)
                of[^1] = of[of.Length / 2] = double.PositiveInfinity;
        }

        FirstNonFiniteTensors tensors = default;
        for (var i = 0; i < Sizes.Length; i++)
        {
            tensors.Value[i] = Shifted(values[i], [Sizes[i]]).Address;
            TensorChunks.Add(i, Sizes[i], tensors.Elements, tensors.FirstChunk);
        }

        var chunks = (int)tensors.FirstChunk[Sizes.Length];
        var found = Own(new Tensor([chunks], DType.Int64, Device));
        var result = Own(new Tensor([Sizes.Length], DType.Int64, Device));
        using (Backend.Enter())
        {
            Backend.Kernel(CudaBackend.FirstNonFiniteFile, "first_non_finite_of_chunks", DType).Launch(
                chunks, threads, [KernelArgument.Struct(&tensors), Sizes.Length, found]);
            Backend.Kernel(CudaBackend.FirstNonFiniteFile, "first_non_finite_merge", DType).Launch(
                Sizes.Length, threads, [KernelArgument.Struct(&tensors), found, result]);
        }

        Assert.That(result.ToArray<long>(), Is.EqualTo(values.Select(ReferenceFirstNonFinite.Of)));
    }

    [TestCase(FirstNonFiniteTensors.Capacity)]
    [TestCase(FirstNonFiniteTensors.Capacity + 1)]
    [TestCase(2 * FirstNonFiniteTensors.Capacity + 7)]
    public void MoreTensorsThanALaunchTakes_AreAllSearched(int count)
    {
        var values = Enumerable.Range(0, count)
            .Select(i => Enumerable.Range(0, 1 + i % 3).Select(k => k == i % 5 ? double.NaN : k).ToArray()).ToArray();
        Tensor[] tensors = [.. values.Select(one => TensorOf(one, [one.Length]))];
        var indices = Own(new Tensor([count], DType.Int64, Device));

        Backend.FirstNonFinite(new FirstNonFiniteArgs(tensors, indices));

        Assert.That(indices.ToArray<long>(), Is.EqualTo(values.Select(ReferenceFirstNonFinite.Of)));
    }
}
