using CudaBn.Backends.Cpu;
using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>The CPU's numbers, bit for bit: the generator is integer arithmetic, and the distributions are made of operations
/// that IEEE 754 rounds alike everywhere. The CPU's are checked against tables elsewhere.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class RandomFillKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private const ulong Seed = 0xFEDC_BA98_7654_3210;
    private const uint Stream = 0x8000_0005;
    private const double First = -0.3, Second = 1.7;

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(511)]
    [TestCase(513)]
    [TestCase(100_003)]
    public void Fill_AnyLength_GivesTheBitsOfTheCpu(int length)
    {
        var tensor = Poison([length]);

        Backend.FillUniform(new RandomFillArgs(tensor, Seed, Stream, First, Second));
        Assert.That(TensorBits.Of(tensor), Is.EqualTo(OnCpu(length, normal: false)), "uniform");

        Backend.FillNormal(new RandomFillArgs(tensor, Seed, Stream, First, Second));
        Assert.That(TensorBits.Of(tensor), Is.EqualTo(OnCpu(length, normal: true)), "normal");
    }

    [TestCase(1, 1)]
    [TestCase(1, 96)]
    [TestCase(5, 32)]
    [TestCase(3, 1024)]
    public void Fill_AnyLaunchShape_GivesTheBitsOfTheCpu(int blocks, int threads)
    {
        const int length = 4099;
        var tensor = Poison([length]);
        foreach (var kernel in new[] { "fill_uniform", "fill_normal" })
        {
            using (Backend.Enter())
                Backend.Kernel(CudaBackend.RandomFillFile, kernel, DType).Launch(
                    blocks, threads, [Seed, Stream, First, Second, (long)length, tensor]);
            Assert.That(TensorBits.Of(tensor), Is.EqualTo(OnCpu(length, kernel == "fill_normal")), kernel);
        }
    }

    private byte[] OnCpu(int length, bool normal)
    {
        using var cpu = new CpuBackend(threads: 1);
        using var tensor = new Tensor([length], DType, cpu.Device);
        var args = new RandomFillArgs(tensor, Seed, Stream, First, Second);
        if (normal)
            cpu.FillNormal(args);
        else
            cpu.FillUniform(args);
        return TensorBits.Of(tensor);
    }
}
