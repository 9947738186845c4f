using CudaBn.Backends.Cuda;
using CudaBn.Tests.Core;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>Memory, contexts and streams shared with other code, which the raw driver calls here stand for.</summary>
public class CudaInteropTests : CudaFixture
{
    [Test]
    public void Tensor_IsReadAndWrittenByOtherCode()
    {
        using var tensor = Tensor.From<float>(Numbers(1000), [1000], Device);
        DriverCalls.In(Backend.ContextHandle, () =>
        {
            Assert.That(DriverCalls.Read(tensor.Address, 1000, Backend.StreamHandle), Is.EqualTo(Numbers(1000)));
            DriverCalls.Set(tensor.Address, 0, 500 * sizeof(float), Backend.StreamHandle);
        });
        Assert.That(tensor.ToArray<float>(), Is.EqualTo(Numbers(1000).Select(v => v < 500 ? 0 : v)));
    }

    [Test]
    public void MemoryOfOtherCode_IsATensor()
    {
        nint address = 0;
        DriverCalls.In(Backend.ContextHandle, () => address = DriverCalls.Allocate(12 * sizeof(float)));
        var tensor = Backend.Wrap(address, [3, 4], DType.Float32);
        Assert.That((tensor.Address, tensor.Device), Is.EqualTo((address, Device)));
        Backend.Fill(tensor, 2.5);
        DriverCalls.In(Backend.ContextHandle, () => Assert.That(
            DriverCalls.Read(address, 12, Backend.StreamHandle), Is.All.EqualTo(2.5f)));

        Assert.That(Backend.MemoryStatistics.LiveTensors, Is.Zero, "the memory is not the backend's");
        tensor.Dispose();
        Assert.That(() => tensor.Address, Throws.TypeOf<ObjectDisposedException>());
        DriverCalls.In(Backend.ContextHandle, () =>
        {
            Assert.That(DriverCalls.Read(address, 12, Backend.StreamHandle), Is.All.EqualTo(2.5f));
            DriverCalls.Free(address);
        });
    }

    [Test]
    public void Wrap_WhatIsNoMemory_Throws()
    {
        ErrorAssert.Throws<ArgumentException>(() => Backend.Wrap(0, [1], DType.Float32));
        ErrorAssert.Throws<ArgumentException>(() => Backend.Wrap(0x1002, [1], DType.Float32));
        ErrorAssert.Throws<ArgumentException>(() => Backend.Wrap(0x1000, default, DType.Float32));
    }

    [Test]
    public void Backend_OnContextAndStreamOfOtherCode_QueuesThereAndLeavesThem()
    {
        var context = DriverCalls.RetainPrimaryContext(0);
        nint stream = 0, address = 0;
        DriverCalls.In(context, () =>
        {
            stream = DriverCalls.CreateStream();
            address = DriverCalls.Allocate(100 * sizeof(float));
        });
        using (var guest = CudaBackend.On(context, stream))
        {
            Assert.That((guest.ContextHandle, guest.StreamHandle), Is.EqualTo((context, stream)));
            Assert.That(guest.Device.Index, Is.Zero);
            using var tensor = guest.Wrap(address, [100], DType.Float32);
            // One after the other on their common stream, without a wait between the two.
            guest.Fill(tensor, 7);
            DriverCalls.In(context, () => DriverCalls.Set(address, 0, 40 * sizeof(float), stream));
            using var result = new Tensor([100], DType.Float32, guest.Device);
            guest.ReLUForward(new(tensor, result));
            Assert.That(result.ToArray<float>(), Is.EqualTo(Enumerable.Range(0, 100).Select(i => i < 40 ? 0f : 7f)));
        }

        DriverCalls.In(context, () =>
        {
            DriverCalls.Synchronize(stream);
            Assert.That(DriverCalls.Read(address, 100, stream)[99], Is.EqualTo(7));
            DriverCalls.Free(address);
            DriverCalls.Destroy(stream);
        });
        DriverCalls.ReleasePrimaryContext(0);
    }

    [Test]
    public void Backend_OnTheDefaultStream_RunsAndRecordsNothing()
    {
        using var guest = CudaBackend.On(Backend.ContextHandle, stream: 0);
        using var tensor = new Tensor([10], DType.Float64, guest.Device);
        Assert.That(guest.CanRecord, Is.False);
        Assert.That(() => guest.Record(() => guest.Fill(tensor, 1)), Throws.TypeOf<NotSupportedException>());
        guest.Fill(tensor, 3);
        Assert.That(tensor.ToArray<double>(), Is.All.EqualTo(3));
    }
}
