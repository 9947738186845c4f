using CudaBn.Backends.Cpu;
using CudaBn.Backends.Cuda;
using CudaBn.Tests.Core;
using CudaBn.Tests.Data;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Training;

/// <summary>Memory over long trainings: of the collector, of the process, and of the device. On the software CUDA device,
/// where a step takes a hundred times longer, there are a hundred times fewer.</summary>
[NonParallelizable]
[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class FlatMemoryTests(Device device)
{
    private int Rounds(int onCpu) => device.Kind == DeviceKind.Cpu ? onCpu : onCpu / 100;

    [Test]
    public void HundredThousandSteps()
    {
        using var run = new Run(device, augments: false);
        Steps(200);
        var before = Memory.Of(device);
        var allocated = GC.GetAllocatedBytesForCurrentThread();

        Steps(Rounds(100_000));

        // The smallest object takes 24 bytes: less than half of one per step.
        Assert.That(
            GC.GetAllocatedBytesForCurrentThread() - allocated, Is.LessThan(12 * Rounds(100_000)), "bytes allocated");
        Memory.Of(device).AssertNotAbove(before);

        void Steps(int count)
        {
            for (var step = 0; step < count;)
            {
                foreach (var batch in run.Data)
                {
                    run.Trainer.Step(batch);
                    step++;
                }
            }
        }
    }

    [Test]
    public void ManyEpochs_WithEvaluationAugmentationAndSaving()
    {
        using var folder = new TemporaryFolder();
        using var run = new Run(device, augments: true);
        Epochs(10);
        var before = Memory.Of(device);
        Epochs(Rounds(2000));
        Memory.Of(device).AssertNotAbove(before);

        void Epochs(int count)
        {
            foreach (var _ in run.Trainer.Fit(run.Data, run.Data, count))
                run.Model.Save(folder["weights"]);
        }
    }

    [Test]
    public void ThousandTrainingsMadeAndDisposed()
    {
        long most = 0;
        Trainings(10);
        var before = Memory.Of(device);
        most = before.Blocks;
        Trainings(Rounds(1000));
        Memory.Of(device).AssertNotAbove(before);
        // One forgotten block each would be a thousand, unless the collector came by very often.
        Assert.That(most - before.Blocks, Is.LessThan(100), "blocks at one time");

        void Trainings(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var run = new Run(device, augments: i % 2 == 0);
                foreach (var batch in run.Data)
                    run.Trainer.Step(batch);
                run.Trainer.ThrowIfNonFinite();
                most = Math.Max(most, Memory.BlocksOf(device));
            }
        }
    }

    /// <summary>What is held.</summary>
    /// <param name="Managed">Bytes that the collector keeps.</param>
    /// <param name="Process">Bytes of the process that are in memory. Those that it might use come in stacks of threads, which the
    /// test host starts and ends as it likes.</param>
    /// <param name="Blocks">Blocks of native memory, or tensors on the GPU.</param>
    /// <param name="Device">Bytes in use on the GPU.</param>
    private sealed record Memory(long Managed, long Process, long Blocks, long Device)
    {
        public static Memory Of(Device device)
        {
            device.Backend.Synchronize();
            GC.Collect();
            GC.WaitForPendingFinalizers();
            var managed = GC.GetTotalMemory(forceFullCollection: true);
            using var process = System.Diagnostics.Process.GetCurrentProcess();
            return new Memory(
                managed, process.WorkingSet64, BlocksOf(device),
                device.Backend is CudaBackend cuda ? cuda.MemoryStatistics.BytesInUse : 0);
        }

        public static long BlocksOf(Device device) =>
            device.Backend is CudaBackend cuda ? cuda.MemoryStatistics.LiveTensors : HostMemory.LiveBlocks;

        public void AssertNotAbove(Memory before) => Assert.Multiple(() =>
        {
            // The test host keeps results until they are told. An object per step would be more than two million bytes.
            Assert.That(Managed - before.Managed, Is.LessThan(1 << 20), "managed bytes");
            Assert.That(Process - before.Process, Is.LessThan(64L << 20), "bytes of the process");
            Assert.That(Blocks, Is.LessThanOrEqualTo(before.Blocks), "blocks");
            Assert.That(Device, Is.LessThanOrEqualTo(before.Device), "bytes of the device");
        });
    }

    private sealed class Run : IDisposable
    {
        private static readonly ImageDataset _images = new(
            "random", 1, 4, 4, IdxBytes.Random(9, 12 * 16), IdxBytes.Random(8, 12).Select(b => (byte)(b % 2)).ToArray(),
            ["a", "b"]);

        private readonly SoftmaxCrossEntropy _loss = new();
        private readonly Adam _optimizer;

        public Run(Device device, bool augments)
        {
            Model.Initialize(device, seed: 1);
            _optimizer = new Adam(Model.Parameters, 0.001, maxGradientNorm: 1);
            Trainer = new Trainer(Model, _loss, _optimizer);
            Data = new DataLoader(
                _images, 4, device, shuffle: true,
                augmentation: augments ? new Augmentation(1, horizontalFlip: true) : null);
        }

        public Sequential Model { get; } = new(
            new Conv2d(1, 2, 3), new BatchNorm(2), new ReLU(), new Flatten(), new Dropout(0.1), new Linear(8, 2));

        public Trainer Trainer { get; }

        public DataLoader Data { get; }

        public void Dispose()
        {
            Trainer.Dispose();
            Data.Dispose();
            Model.Dispose();
            _loss.Dispose();
            _optimizer.Dispose();
        }
    }
}
