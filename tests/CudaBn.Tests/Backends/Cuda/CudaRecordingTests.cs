using CudaBn.Tests.Core;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public class CudaRecordingTests : CudaFixture
{
    [Test]
    public void Replay_DoesWhatTheCallsWouldDo_AsOftenAsAsked()
    {
        using var x = Tensor.From<float>([-1, 2, -3, 4], [4], Device);
        using var y = new Tensor([4], DType.Float32, Device);
        Backend.ReLUForward(new(x, y));
        Backend.Clear(y);
        using var recording = Backend.Record(() =>
        {
            Backend.ReLUForward(new(x, y));
            x.CopyFrom(y);
        })!;
        Assert.That(y.ToArray<float>(), Is.All.Zero, "recording ran the work");

        recording.Replay();
        Assert.That(y.ToArray<float>(), Is.EqualTo(new[] { 0f, 2, 0, 4 }));
        x.CopyFrom<float>([5, -6, 7, -8]);
        recording.Replay();
        recording.Replay();
        Assert.That(x.ToArray<float>(), Is.EqualTo(new[] { 5f, 0, 7, 0 }));
    }

    [Test]
    public void Replay_OfAResidualNetwork_DoesWhatTheCallsDo()
    {
        static Sequential Create() => new(
            new Conv2d(1, 4, 3, padding: 1), new BatchNorm(4), new ReLU(),
            new Residual(new Sequential(new Conv2d(4, 4, 3, padding: 1), new BatchNorm(4))), new ReLU(),
            new Residual(new BatchNorm(4)));
        using Sequential called = Create(), recorded = Create();
        using var x = Tensor.From(Array.ConvertAll(Numbers(3 * 36), v => v * v % 7 - 3), [3, 1, 6, 6], Device);
        using var gradOutput = Tensor.From(
            Array.ConvertAll(Numbers(3 * 4 * 36), v => v * v % 11 - 5), [3, 4, 6, 6], Device);
        foreach (var network in new[] { called, recorded })
        {
            network.Initialize(Device, seed: 1);
            Step(network);
        }

        using var recording = Backend.Record(() => Step(recorded));
        for (var step = 0; step < 3; step++)
        {
            recording.Replay();
            Step(called);
        }

        foreach (var (actual, expected) in recorded.State.Zip(called.State).Where(s => s.First.Tensor.DType.IsReal()))
            Assert.That(
                actual.Tensor.ToArray<float>(), Is.EqualTo(expected.Tensor.ToArray<float>()), actual.Name);
        foreach (var (actual, expected) in recorded.Parameters.Zip(called.Parameters))
            Assert.That(
                actual.Gradient.ToArray<float>(), Is.EqualTo(expected.Gradient.ToArray<float>()), actual.Name);

        void Step(Sequential network)
        {
            network.Forward(x);
            network.Backward(gradOutput);
        }
    }

    [Test]
    public void Replay_AfterMemoryWasReleased_IsRefused_AlsoIfAnotherTensorHasItNow()
    {
        using var x = Tensor.Zeros([1000], DType.Float32, Device);
        var y = Tensor.Zeros([1000], DType.Float32, Device);
        Backend.ReLUForward(new(x, y));
        using var recording = Backend.Record(() => Backend.ReLUForward(new(x, y)))!;
        Assert.That(recording.IsCurrent, Is.True);
        y.Dispose();
        using var next = Tensor.From<float>(Numbers(1000), [1000], Device);

        Assert.That(recording.IsCurrent, Is.False);
        Assert.That(recording.Replay, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(next.ToArray<float>(), Is.EqualTo(Numbers(1000)));
    }

    [Test]
    public void ScratchMemory_OfARecording_StaysWhenMoreIsAskedFor()
    {
        nint first, second, counters;
        using (Backend.Enter())
        {
            first = Backend.Scratch(1000);
            second = Backend.Scratch(100 << 20);
            counters = Backend.Counters(10);
        }

        Backend.Trim();
        using var tensor = new Tensor([1000], DType.UInt8, Device);
        DriverCalls.In(Backend.ContextHandle, () =>
        {
            // The driver refuses memory that was freed.
            DriverCalls.Set(first, 1, 1000, Backend.StreamHandle);
            DriverCalls.Set(second, 1, 100 << 20, Backend.StreamHandle);
            Assert.That(DriverCalls.Read(counters, 4096, Backend.StreamHandle), Is.All.Zero);
        });
        Backend.Synchronize();
    }

    [Test]
    public void Recording_ThatThrows_LeavesTheBackendUsable()
    {
        using var x = Tensor.From<float>([-1, 1], [2], Device);
        Assert.That(
            () => Backend.Record(() => throw new InvalidDataException("no")), Throws.TypeOf<InvalidDataException>());
        Backend.ReLUForward(new(x, x));
        Assert.That(x.ToArray<float>(), Is.EqualTo(new[] { 0f, 1 }));
    }

    [Test]
    public void HostCopiesAndWaits_WhileRecording_AreRefused()
    {
        using var x = Tensor.Zeros([2], DType.Float32, Device);
        using var recording = Backend.Record(() =>
        {
            ErrorAssert.Throws<InvalidOperationException>(() => x.CopyFrom<float>([1, 2]), "while it records");
            ErrorAssert.Throws<InvalidOperationException>(() => x.ToArray<float>(), "while it records");
            ErrorAssert.Throws<InvalidOperationException>(Backend.Synchronize, "while it records");
            ErrorAssert.Throws<InvalidOperationException>(() => Backend.Record(() => { }), "while it records");
        });
        Assert.That(x.ToArray<float>(), Is.All.Zero);
    }
}
