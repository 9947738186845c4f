using CudaBn.Backends.Cpu;
using CudaBn.Backends.Cuda;
using CudaBn.Backends.Cuda.Native;
using CudaBn.Tests.Core;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>What goes wrong on a device, each time on the second device of the process, so that tests on the first go on
/// undisturbed.</summary>
[NonParallelizable]
public class CudaErrorTests
{
    private const int Victim = 1;

    private static readonly string[] _liveObjects =
        ["contexts", "streams", "events", "modules", "graphs", "graph_execs", "allocations", "pinned"];

    private Dictionary<string, long> _before = [];

    [SetUp]
    public void CountObjects()
    {
        SoftCudaControl.Require();
        _before = Counts();
    }

    [TearDown]
    public void NothingIsLeaked()
    {
        if (CudaUnderTest.IsGpu || _before.Count == 0)
            return;
        SoftCudaControl.TakeReport();
        Assert.That(Counts(), Is.EqualTo(_before));
        using var sound = Tensor.From<float>([1, 2], [2], Device.Cuda());
        Assert.That(sound.ToArray<float>(), Is.EqualTo(new[] { 1f, 2 }), "the other device works");
    }

    [TestCase(700, "CUDA_ERROR_ILLEGAL_ADDRESS")]
    [TestCase(716, "CUDA_ERROR_MISALIGNED_ADDRESS")]
    [TestCase(719, "CUDA_ERROR_LAUNCH_FAILED")]
    [TestCase(710, "CUDA_ERROR_ASSERT")]
    public void KernelThatFails_LosesTheDevice_AndEveryLaterCallSaysWhy(int result, string name)
    {
        using (var backend = new CudaBackend(Victim))
        {
            using var tensor = Tensor.Zeros([100], DType.Float32, backend.Device);
            using var recording = backend.Record(() => backend.Fill(tensor, 1))!;
            using var pinned = new PinnedBuffer<float>(backend, 100);
            SoftCudaControl.Set("QUIET", "1");
            SoftCudaControl.Set("FAIL_LAUNCH", $"{Victim},1,{result}");

            var first = Assert.Throws<CudaException>(() =>
            {
                backend.Fill(tensor, 2);
                backend.Synchronize();
            })!;
            Assert.That((first.Result, first.ResultName), Is.EqualTo((result, name)));
            Assert.That(first.Message, Does.Contain(name).And.Not.Contain("was lost"));

            Action[] calls =
            [
                () => tensor.ToArray<float>(), () => tensor.CopyFrom<float>(new float[100]), backend.Synchronize,
                () => backend.Fill(tensor, 3), () => backend.Clear(tensor), recording.Replay, () => backend.Trim(),
                () => backend.QueueCopy(pinned, tensor), () => backend.Record(() => { }), () => backend.Allocate(8),
            ];
            foreach (var call in calls)
            {
                var later = Assert.Throws<CudaException>(() => call())!;
                Assert.That(later.Message, Does.StartWith("cuda:1 was lost: ").And.Contain(first.Message));
                Assert.That(later.InnerException, Is.SameAs(first));
                Assert.That(later.Result, Is.EqualTo(result));
            }

            using var onCpu = Tensor.Zeros([3], DType.Float32, new CpuBackend(1).Device);
            onCpu.Device.Backend.Fill(onCpu, 4);
            Assert.That(onCpu.ToArray<float>(), Is.All.EqualTo(4), "the CPU works");
            onCpu.Device.Backend.Dispose();
        }

        // The primary context went with its last user, and a new one is sound.
        using var again = new CudaBackend(Victim);
        using var sound = Tensor.Zeros([4], DType.Float64, again.Device);
        again.Fill(sound, 5);
        Assert.That(sound.ToArray<double>(), Is.All.EqualTo(5));
    }

    [Test]
    public void DeviceLostWhileRecordingsAreReplayed_IsFoundAtTheNextWait()
    {
        using var backend = new CudaBackend(Victim);
        using var tensor = Tensor.Zeros([100], DType.Float32, backend.Device);
        backend.Fill(tensor, 0);
        using var recording = backend.Record(() => backend.Fill(tensor, 1))!;
        recording.Replay();
        backend.Synchronize();
        SoftCudaControl.Set("QUIET", "1");
        SoftCudaControl.Set("FAIL_LAUNCH", $"{Victim},2,700");
        Assert.That(
            () =>
            {
                for (var i = 0; i < 4; i++)
                    recording.Replay();
                backend.Synchronize();
            },
            Throws.TypeOf<CudaException>().With.Property("Result").EqualTo(700));
        Assert.That(recording.Replay, Throws.TypeOf<CudaException>().With.Message.Contains("was lost"));
    }

    [Test]
    public void DeviceCuda_AfterTheLostBackendIsDisposed_IsANewDevice()
    {
        var lost = Device.Cuda(Victim);
        SoftCudaControl.Set("QUIET", "1");
        SoftCudaControl.Set("FAIL_LAUNCH", $"{Victim},1,700");
        using (var tensor = new Tensor([4], DType.Float32, lost))
            Assert.That(
                () =>
                {
                    lost.Backend.Fill(tensor, 1);
                    lost.Backend.Synchronize();
                },
                Throws.TypeOf<CudaException>());
        Assert.That(Device.Cuda(Victim), Is.SameAs(lost));
        lost.Backend.Dispose();

        var fresh = Device.Cuda(Victim);
        Assert.That(fresh, Is.Not.SameAs(lost));
        using (var tensor = Tensor.Zeros([4], DType.Float32, fresh))
            Assert.That(tensor.ToArray<float>(), Is.All.Zero);
        fresh.Backend.Dispose();
    }

    [Test]
    public void AllocationThatFails_IsTriedAgainAfterUnusedMemoryWent()
    {
        using var backend = new CudaBackend(Victim);
        new Tensor([5000], DType.Float32, backend.Device).Dispose();
        var cached = backend.MemoryStatistics.BytesCached;
        SoftCudaControl.Set("FAIL_ALLOC", "1");
        using var tensor = new Tensor([900_000], DType.Float32, backend.Device);
        Assert.That(cached, CudaAllocator.IsCachingAsked ? Is.GreaterThan(0) : Is.Zero);
        Assert.That(backend.MemoryStatistics.BytesCached, Is.Zero);
        Assert.That(backend.MemoryStatistics.LiveTensors, Is.EqualTo(1));
    }

    [Test]
    public void OutOfMemory_NamesTensorAndDevice_AndTheBackendGoesOn()
    {
        using var backend = new CudaBackend(Victim);
        using var kept = Tensor.Zeros([8], DType.Float32, backend.Device);
        ErrorAssert.Throws<InsufficientMemoryException>(
            () => _ = new Tensor([4, 1 << 30], DType.Float64, backend.Device),
            "Float64 tensor [4, 1073741824] on cuda:1", "34359738368 bytes do not fit", "bytes are free");
        backend.Fill(kept, 1);
        Assert.That(kept.ToArray<float>(), Is.All.EqualTo(1));
    }

    [Test]
    public void ErrorsThatAreNotFatal_LeaveTheDevice()
    {
        using var backend = new CudaBackend(Victim);
        using var tensor = Tensor.Zeros([8], DType.Float32, backend.Device);
        SoftCudaControl.Set("QUIET", "1");
        using (backend.Enter())
        {
            var kernel = backend.Kernel(new KernelFile("fill.cu"), "fill", DType.Float32);
            var failure = Assert.Throws<CudaException>(
                () => kernel.Launch(1, 4096, [KernelArgument.Real(1, DType.Float32), 8L, tensor]))!;
            Assert.That((CudaResult)failure.Result, Is.EqualTo(CudaResult.InvalidValue));
            Assert.That(failure.Message, Does.Contain("cuLaunchKernel of fill"));
        }

        backend.Fill(tensor, 1);
        Assert.That(tensor.ToArray<float>(), Is.All.EqualTo(1));
    }

    private static Dictionary<string, long> Counts() =>
        _liveObjects.ToDictionary(what => what, SoftCudaControl.Count);
}
