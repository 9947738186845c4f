using CudaBn.Backends.Cuda;
using CudaBn.Tests.Core;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public class CudaStreamTests : CudaFixture
{
    [Test]
    public void QueueCopy_ThereAndBack_KeepsEveryType()
    {
        RoundTrip<float>([1.5f, float.NaN, -0f]);
        RoundTrip<double>([Math.PI, double.Epsilon]);
        RoundTrip<byte>([0, 255, 7]);
        RoundTrip<int>([int.MinValue, 3]);
        RoundTrip<long>([long.MaxValue]);

        void RoundTrip<T>(T[] values)
            where T : unmanaged
        {
            using var source = new PinnedBuffer<T>(Backend, values.Length);
            using var destination = new PinnedBuffer<T>(Backend, values.Length);
            values.CopyTo(source.Span);
            using var tensor = new Tensor([values.Length], source.DType, Device);
            Backend.QueueCopy(source, tensor);
            Backend.QueueCopy(tensor, destination);
            Backend.Synchronize();
            Assert.That(destination.Span.ToArray(), Is.EqualTo(values));
        }
    }

    [Test]
    public void QueueCopy_WhatIsNotAlike_NamesBoth()
    {
        using var buffer = new PinnedBuffer<float>(Backend, 4);
        using var longer = new Tensor([5], DType.Float32, Device);
        using var otherType = new Tensor([4], DType.Int32, Device);
        using var elsewhere = new Tensor([4], DType.Float32, Device.Cpu);
        foreach (var tensor in new[] { longer, otherType, elsewhere })
        {
            ErrorAssert.Throws<ArgumentException>(() => Backend.QueueCopy(buffer, tensor), tensor.ToString());
            ErrorAssert.Throws<ArgumentException>(() => Backend.QueueCopy(tensor, buffer), tensor.ToString());
        }

        Assert.That(() => new PinnedBuffer<float>(Backend, 0), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => new PinnedBuffer<char>(Backend, 1), Throws.InstanceOf<ArgumentException>());
    }

    [Test]
    public void SideStream_WithEvents_RunsInOrderWithOperators()
    {
        using var side = new CudaStream(Backend);
        using var arrived = new CudaEvent(Backend);
        using var used = new CudaEvent(Backend);
        using var upload = new PinnedBuffer<float>(Backend, 5000);
        using var download = new PinnedBuffer<float>(Backend, 5000);
        using var input = new Tensor([5000], DType.Float32, Device);
        using var output = new Tensor([5000], DType.Float32, Device);
        for (var round = 1; round <= 3; round++)
        {
            upload.Span.Fill(round);
            Backend.QueueCopy(upload, input, side);
            side.Record(arrived);
            Backend.Stream.Wait(arrived);
            Backend.ReLUForward(new(input, output));
            Backend.Stream.Record(used);
            side.Wait(used);
            Backend.QueueCopy(output, download, side);
            side.Synchronize();
            Assert.That(download.Span.ToArray(), Is.All.EqualTo(round));
        }
    }

    [Test]
    public void Events_TellWhenTheyHappenAndTheTimeBetween()
    {
        using var start = new CudaEvent(Backend);
        using var end = new CudaEvent(Backend);
        using var tensor = new Tensor([200_000], DType.Float32, Device);
        Assert.That(start.HasHappened, Is.True, "not recorded yet");
        Backend.Fill(tensor, 0);
        Backend.Stream.Record(start);
        for (var i = 0; i < 5; i++)
            Backend.Fill(tensor, i);
        Backend.Stream.Record(end);
        end.Synchronize();
        Assert.That(start.HasHappened && end.HasHappened, Is.True);
        Assert.That(end.ElapsedSince(start), Is.GreaterThan(TimeSpan.Zero).And.LessThan(TimeSpan.FromMinutes(1)));
    }

    [Test]
    public void CopyFromHost_LeavesTheSourceToItsOwner_PinnedOrNot()
    {
        // More than the memory that copies go through, so that it is filled round and round.
        const int count = 3_000_001;
        using var pinned = new PinnedBuffer<int>(Backend, count);
        var pageable = new int[count];
        using var first = new Tensor([count], DType.Int32, Device);
        using var second = new Tensor([count], DType.Int32, Device);
        for (var i = 0; i < count; i++)
            pageable[i] = pinned.Span[i] = i;

        first.CopyFrom<int>(pageable);
        second.CopyFrom<int>(pinned.Span);
        Array.Fill(pageable, -1);
        pinned.Span.Fill(-1);

        var expected = Enumerable.Range(0, count).ToArray();
        Assert.That(first.ToArray<int>().AsSpan().SequenceEqual(expected), Is.True, "pageable");
        Assert.That(second.ToArray<int>().AsSpan().SequenceEqual(expected), Is.True, "pinned");
    }

    [Test]
    public void CopyFromHost_ManySmall_AllArrive()
    {
        using var tensor = new Tensor([7], DType.Int64, Device);
        using var sums = new Tensor([7], DType.Int64, Device);
        for (var i = 0; i < 3000; i++)
        {
            tensor.CopyFrom<long>([i, 0, 0, 0, 0, 0, -i]);
            sums.CopyFrom(tensor);
        }

        Assert.That(sums.ToArray<long>(), Is.EqualTo(new long[] { 2999, 0, 0, 0, 0, 0, -2999 }));
    }

    [Test]
    public void PinnedBuffer_DisposedWithACopyQueued_WaitsForIt()
    {
        using var tensor = new Tensor([4], DType.Float32, Device);
        var buffer = new PinnedBuffer<float>(Backend, 4);
        buffer.Span.Fill(6);
        Backend.QueueCopy(buffer, tensor);
        buffer.Dispose();
        Assert.That(() => buffer.Address, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(tensor.ToArray<float>(), Is.All.EqualTo(6));
    }
}
