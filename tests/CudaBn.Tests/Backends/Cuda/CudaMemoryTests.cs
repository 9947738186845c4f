using System.Runtime.CompilerServices;
using CudaBn.Backends.Cuda;
using CudaBn.Tests.Core;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public class CudaMemoryTests : CudaFixture
{
    // With CUDABN_MEMORY_CACHE=off every block comes from the driver, and nothing is kept.
    private static bool IsCaching => CudaAllocator.IsCachingAsked;

    [Test]
    public void Statistics_FollowTensors()
    {
        var before = Backend.MemoryStatistics;
        var tensor = new Tensor([1000], DType.Float32, Device);
        var view = tensor.Reshape([10, 100]);
        var during = Backend.MemoryStatistics;
        view.Dispose();
        tensor.Dispose();
        tensor.Dispose();
        var after = Backend.MemoryStatistics;

        Assert.That(before.LiveTensors, Is.Zero);
        Assert.That(during.LiveTensors, Is.EqualTo(1));
        Assert.That(during.BytesInUse - before.BytesInUse, Is.InRange(4000, 4096));
        Assert.That(during.Allocations - before.Allocations, Is.EqualTo(1));
        Assert.That(during.DriverAllocations - before.DriverAllocations, Is.EqualTo(1));
        Assert.That(after.LiveTensors, Is.Zero);
        Assert.That(after.BytesInUse, Is.EqualTo(before.BytesInUse));
        Assert.That(after.PeakBytesInUse, Is.EqualTo(during.BytesInUse));
        Assert.That(after.BytesCached, Is.EqualTo(IsCaching ? 4096 : 0));
    }

    [Test]
    public void Memory_OfADisposedTensor_IsUsedAgainWithoutTheDriver()
    {
        if (!IsCaching)
            Assert.Ignore("CUDABN_MEMORY_CACHE is off.");
        nint address;
        using (var first = new Tensor([100_000], DType.Float32, Device))
            address = first.Address;
        var before = Backend.MemoryStatistics.DriverAllocations;

        // Of about the size, of another type, then of a size that a block so large must not be spent on.
        using var second = new Tensor([49_000], DType.Float64, Device);
        using var third = new Tensor([99_990], DType.Float32, Device);
        Assert.That(second.Address, Is.EqualTo(address));
        Assert.That(third.Address, Is.Not.EqualTo(address));
        Assert.That(Backend.MemoryStatistics.DriverAllocations - before, Is.EqualTo(1));
        second.Dispose();
        using var small = new Tensor([1000], DType.Float32, Device);
        Assert.That(small.Address, Is.Not.EqualTo(address));
    }

    [Test]
    public void ReusedMemory_ComesAfterTheWorkThatUsedIt()
    {
        // All of it is queued before anything is waited for: each copy must read what its own tensor held.
        var results = new List<Tensor>();
        for (var i = 0; i < 20; i++)
        {
            using var tensor = new Tensor([3000], DType.Float32, Device);
            Backend.Fill(tensor, i);
            var result = new Tensor([3000], DType.Float32, Device);
            result.CopyFrom(tensor);
            results.Add(result);
        }

        for (var i = 0; i < results.Count; i++)
        {
            Assert.That(results[i].ToArray<float>(), Is.All.EqualTo(i));
            results[i].Dispose();
        }
    }

    [Test]
    public void Trim_GivesUnusedMemoryBack()
    {
        using var kept = new Tensor([1000], DType.Float32, Device);
        new Tensor([1000], DType.Float32, Device).Dispose();
        new Tensor([5_000_000], DType.Float64, Device).Dispose();
        var cached = Backend.MemoryStatistics.BytesCached;
        var free = FreeBytes();

        var trimmed = Backend.Trim();

        Assert.That(trimmed, Is.EqualTo(cached).And.EqualTo(IsCaching ? 4096 + 40L * 1024 * 1024 : 0).Within(2 << 20));
        Assert.That(Backend.MemoryStatistics.BytesCached, Is.Zero);
        Assert.That(Backend.MemoryStatistics.LiveTensors, Is.EqualTo(1));
        Assert.That(FreeBytes() - free, Is.GreaterThanOrEqualTo(trimmed - 4096).Or.Zero);
        Assert.That(Backend.Trim(), Is.Zero);
        kept.CopyFrom<float>(Numbers(1000));
        Assert.That(kept.ToArray<float>(), Is.EqualTo(Numbers(1000)));
    }

    [Test]
    public void Trim_WhileRecording_IsRefused()
    {
        using var recording = Backend.Record(() =>
            ErrorAssert.Throws<InvalidOperationException>(() => Backend.Trim(), "while it records"));
    }

    [Test]
    public void ForgottenTensors_AreFreedByTheCollector()
    {
        Forget(10);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.That(Backend.MemoryStatistics.LiveTensors, Is.Zero);

        [MethodImpl(MethodImplOptions.NoInlining)]
        void Forget(int count)
        {
            for (var i = 0; i < count; i++)
                _ = new Tensor([1000], DType.Float32, Device);
        }
    }

    [Test]
    public void Tensors_ThatOutliveTheBackend_AreStillReleased()
    {
        var tensor = new Tensor([1000], DType.Float32, Device);
        Backend.Dispose();
        Assert.That(Backend.Synchronize, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => tensor.Dispose(), Throws.Nothing);
        Assert.That(Backend.MemoryStatistics, Has.Property("LiveTensors").EqualTo(0).And.Property("BytesInUse").Zero);
    }

    [Test]
    public void MoreThanTheDeviceHas_SaysHowMuchThereIs_AndLeavesAllUsable()
    {
        using var kept = Tensor.From<float>(Numbers(100), [100], Device);
        // Far more than any device of today, and a size that the driver is asked for.
        ErrorAssert.Throws<InsufficientMemoryException>(
            () => _ = new Tensor([1 << 20, 1 << 24], DType.Float64, Device), "[1048576, 16777216]", "140737488355328 bytes");
        Assert.That(Backend.MemoryStatistics.LiveTensors, Is.EqualTo(1));
        using var copy = new Tensor([100], DType.Float32, Device);
        copy.CopyFrom(kept);
        Assert.That(copy.ToArray<float>(), Is.EqualTo(Numbers(100)));
    }

    [Test]
    public void CachedMemory_MakesRoomWhenTheDeviceIsFull()
    {
        // Three quarters of the device twice, in sizes that do not fit each other's blocks.
        var bytes = CudaDiagnosis.OfThisMachine.Devices[0].MemoryBytes;
        if (bytes > 32L << 30)
            Assert.Ignore("Other programs may use a large GPU.");
        var half = (int)(bytes / 2 / 8 / 1024 * 1.1);
        new Tensor([half, 1024], DType.Float64, Device).Dispose();
        using var other = new Tensor([half / 3 * 4, 1024], DType.Float64, Device);
        Assert.That(Backend.MemoryStatistics.BytesCached, Is.Zero);
        Assert.That(Backend.MemoryStatistics.LiveTensors, Is.EqualTo(1));
    }

    private long FreeBytes()
    {
        using var scope = Backend.Enter();
        return DriverCalls.FreeBytes();
    }
}
