using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

// Not beside others, which ask for the same count.
[NonParallelizable]
public unsafe class HostMemoryTests
{
    [SetUp]
    public void Forget() => HostMemory.TakeOverruns();

    [Test]
    public void Free_SomethingWrittenBehindABlock_IsCountedOnce([Values(0, 1, 127)] int behind)
    {
        var memory = (byte*)HostMemory.Allocate(1000);
        memory[1000 + behind] = 1;

        HostMemory.Free(memory, 1000);

        Assert.That(HostMemory.TakeOverruns(), Is.EqualTo(1));
        Assert.That(HostMemory.TakeOverruns(), Is.Zero);
    }

    [Test]
    public void Free_AllOfABlockWritten_IsNotCounted([Values(1, 64, 1000, 3_000_000)] int byteLength)
    {
        var memory = HostMemory.Allocate((nuint)byteLength);
        new Span<byte>(memory, byteLength).Clear();

        HostMemory.Free(memory, (nuint)byteLength);

        Assert.That(HostMemory.TakeOverruns(), Is.Zero);
    }

    [Test]
    public void Dispose_TensorAndScratchMemoryWrittenBehind_AreCounted()
    {
        var tensor = new Tensor([5], DType.Float32, Device.Cpu);
        ((float*)tensor.Address)[5] = 0;
        var scratch = new ScratchMemory();
        scratch.Get<float>(7)[7] = 0;

        tensor.Dispose();
        scratch.Dispose();

        Assert.That(HostMemory.TakeOverruns(), Is.EqualTo(2));
    }
}
