using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

public unsafe class ScratchMemoryTests
{
    [Test]
    public void Get_GrowsOnlyWhenItMust_AndIsAligned()
    {
        using var scratch = new ScratchMemory();
        var large = scratch.Get<double>(1000);
        Assert.That((nint)scratch.Get<double>(1), Is.EqualTo((nint)large));
        Assert.That((nint)scratch.Get<float>(2000), Is.EqualTo((nint)large));
        Assert.That((nint)scratch.Get<byte>(8000), Is.EqualTo((nint)large));
        for (var count = 1; count < 3_000_000; count = 2 * count + 1)
        {
            var memory = new Span<float>(scratch.Get<float>(count), count);
            Assert.That((long)(nint)scratch.Get<float>(count) % 64, Is.Zero);
            memory.Fill(count);
            Assert.That(memory[0] + memory[^1], Is.EqualTo(2f * count));
        }
    }

    [Test]
    public void Get_MoreThanAddressable_ThrowsAndStaysUsable()
    {
        using var scratch = new ScratchMemory();
        scratch.Get<float>(10)[9] = 1;
        Assert.That(() => { scratch.Get<double>(long.MaxValue); }, Throws.TypeOf<OverflowException>());
        Assert.That(() => { scratch.Get<double>(1L << 55); }, Throws.InstanceOf<OutOfMemoryException>());
        var memory = new Span<float>(scratch.Get<float>(10), 10);
        memory.Fill(3);
        Assert.That(memory[9], Is.EqualTo(3));
    }

    [Test]
    public void Dispose_Twice_IsFine()
    {
        var scratch = new ScratchMemory();
        scratch.Get<float>(100);
        scratch.Dispose();
        Assert.That(scratch.Dispose, Throws.Nothing);
    }
}
