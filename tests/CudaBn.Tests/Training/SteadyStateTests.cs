using System.Diagnostics;
using CudaBn.Backends.Cpu;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Training;

/// <summary>What a training loop takes once it runs: no managed byte per step, and no memory that grows.</summary>
[NonParallelizable]
public class SteadyStateTests
{
    [TestCase(1, 96, 0.0)]
    [TestCase(2, 96, 0.0)]
    [TestCase(1, 80, 0.9)]
    [TestCase(2, 80, 0.9)]
    public void Steps_OfTheSeedNetwork_AllocateNothing(int threads, int images, double momentum)
    {
        // 80 images in batches of 32 end with one of 16: shapes alternate from step to step.
        using var backend = new CpuBackend(threads);
        using var model = SeedNetwork.Create();
        model.Initialize(backend.Device);
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = new Sgd(model.Parameters, 0.1, momentum);
        using var loader = new DataLoader(
            DrawnGarments.Create(images, 1).Train, 32, backend.Device, shuffle: true,
            augmentation: momentum == 0 ? null : new Augmentation(2, horizontalFlip: true));
        using var trainer = new Trainer(model, loss, optimizer);
        Steps(10);
        Assert.That(Allocations.Of(() => Steps(51)), Is.Zero, "bytes of the training thread");

        // The other threads of the test host allocate now and then, the workers would in every epoch.
        var least = long.MaxValue;
        for (var epoch = 0; epoch < 30 && least > 0; epoch++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            Steps(1);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Assert.That(least, Is.Zero, "bytes of all threads in the best epoch");

        void Steps(int count)
        {
            for (var step = 0; step < count;)
            {
                foreach (var batch in loader)
                {
                    trainer.Step(batch);
                    step++;
                }
            }
        }
    }

    [TestCase(1)]
    [TestCase(2)]
    public void Steps_OfVirtualBatchesAndRows_AllocateNothing(int threads)
    {
        using var backend = new CpuBackend(threads);
        using var model = new Sequential(
            new Conv2d(1, 4, 5, stride: 4), new BatchNorm(4, virtualBatchSize: 6), new ReLU(), new MaxPool2d(2),
            new Residual(new BatchNorm(4, virtualBatchSize: 6)), new ReLU(), new Flatten(), new Linear(36, 10),
            new BatchNorm(10));
        model.Initialize(backend.Device);
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = new Sgd(model.Parameters, 0.1);
        // Batches of 16 and a last one of 8.
        using var loader = new DataLoader(DrawnGarments.Create(40, 1).Train, 16, backend.Device, shuffle: true);
        using var trainer = new Trainer(model, loss, optimizer);
        Epochs(4);
        Assert.That(Allocations.Of(() => Epochs(20)), Is.Zero);

        void Epochs(int count)
        {
            for (var epoch = 0; epoch < count; epoch++)
            {
                foreach (var batch in loader)
                    trainer.Step(batch);
            }
        }
    }

    [Test]
    public void Evaluation_AfterTraining_AllocatesNothing()
    {
        using var model = SeedNetwork.Create();
        model.Initialize(Device.Cpu);
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = new Sgd(model.Parameters, 0.1);
        var garments = DrawnGarments.Create(40, 100);
        using var train = new DataLoader(garments.Train, 32);
        using var test = new DataLoader(garments.Test, 64);
        using var trainer = new Trainer(model, loss, optimizer);
        long own = long.MaxValue;
        for (var round = 0; round < 4; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            foreach (var batch in train)
                trainer.Step(batch);
            trainer.Evaluate(test);
            own = Math.Min(own, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.That(own, Is.Zero);
    }

    [Test]
    public void Convolutions_OfEveryKind_AllocateNothing()
    {
        using var backend = new CpuBackend(2);
        (Conv Layer, Shape Input)[] kinds =
        [
            (new Conv2d(4, 6, 3, padding: 1, groups: 2), [3, 4, 9, 19]),
            (new Conv2d(4, 8, 3, stride: 2, groups: 4), [3, 4, 9, 9]),
            (new Conv2d(3, 4, 3, padding: new Padding2d(0, 2, 1, 3), dilation: 2), [3, 3, 9, 19]),
            (new Conv1d(3, 4, 3, stride: 2), [3, 3, 50]),
            (new Conv3d(3, 4, 3, padding: 1), [3, 3, 4, 5, 6]),
            (new Conv3d(3, 3, 3, padding: 1, groups: 3), [3, 3, 4, 5, 6]),
        ];
        foreach (var (layer, shape) in kinds)
        {
            using (layer)
            {
                layer.Initialize(backend.Device);
                using var x = Tensor.Zeros(shape, DType.Float32, backend.Device);
                var least = long.MaxValue;
                for (var step = 0; step < 4; step++)
                {
                    var before = GC.GetAllocatedBytesForCurrentThread();
                    layer.Backward(layer.Forward(x));
                    least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
                }

                Assert.That(least, Is.Zero, $"bytes of {layer.GetType().Name} {shape}");
            }
        }
    }

    [Test]
    public void Steps_OfAResidualNetwork_AllocateNothing([Values] bool fuses, [Values] bool training)
    {
        using var model = new Sequential(
            new Conv2d(1, 4, 3, padding: 1), new BatchNorm(4), new ReLU(),
            new Residual(
                new Sequential(new Conv2d(4, 4, 3, padding: 1), new BatchNorm(4)),
                new Sequential(new Conv2d(4, 4, 1), new BatchNorm(4))),
            new ReLU(), new Residual(new BatchNorm(4)), new GlobalAvgPool(), new Flatten(), new Linear(4, 3),
            new BatchNorm(3), new ReLU()) { FusesLayers = fuses, IsTraining = training };
        model.Initialize(Device.Cpu);
        using var large = Tensor.Zeros([4, 1, 8, 8]);
        using var small = Tensor.Zeros([3, 1, 8, 8]);
        using var gradOfLarge = Tensor.Zeros([4, 3]);
        using var gradOfSmall = Tensor.Zeros([3, 3]);
        Steps(5);
        Assert.That(Allocations.Of(() => Steps(20)), Is.Zero);

        void Steps(int count)
        {
            for (var step = 0; step < count; step++)
            {
                model.Forward(large);
                model.BackwardParameters(gradOfLarge);
                model.Forward(small);
                model.Backward(gradOfSmall);
            }
        }
    }

    [Test]
    public void TwoThousandSteps_KeepMemoryFlat()
    {
        // A batch of images is 200 KB: one kept per step would be 400 MB.
        using var model = new Sequential(new Flatten(), new Linear(784, 10), new BatchNorm(10), new ReLU());
        model.Initialize(Device.Cpu);
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = new Sgd(model.Parameters, 0.01);
        using var loader = new DataLoader(DrawnGarments.Create(160, 1).Train, 64, shuffle: true);
        using var trainer = new Trainer(model, loss, optimizer);
        Steps(200);
        var (managed, process) = Memory();
        Steps(2000);
        var (managedAfter, processAfter) = Memory();
        Assert.That(managedAfter - managed, Is.LessThan(256 * 1024), "managed bytes");
        Assert.That(processAfter - process, Is.LessThan(64L << 20), "bytes of the process");

        void Steps(int count)
        {
            for (var step = 0; step < count;)
            {
                foreach (var batch in loader)
                {
                    trainer.Step(batch);
                    step++;
                }
            }
        }

        static (long Managed, long Process) Memory()
        {
            var managed = GC.GetTotalMemory(forceFullCollection: true);
            using var process = Process.GetCurrentProcess();
            return (managed, process.PrivateMemorySize64);
        }
    }

    [Test]
    public void ModelsMadeAndDisposed_KeepMemoryFlat()
    {
        // Parameters, gradients and buffers of one model are over 10 MB.
        for (var i = 0; i < 3; i++)
            TrainOnce();
        var before = Process();
        for (var i = 0; i < 25; i++)
            TrainOnce();
        Assert.That(Process() - before, Is.LessThan(64L << 20));

        static void TrainOnce()
        {
            using var model = SeedNetwork.Create();
            model.Initialize(Device.Cpu);
            using var loss = new SoftmaxCrossEntropy();
            using var optimizer = new Sgd(model.Parameters, 0.1, momentum: 0.9);
            using var loader = new DataLoader(DrawnGarments.Create(32, 1).Train, 32);
            using var trainer = new Trainer(model, loss, optimizer);
            foreach (var batch in loader)
                trainer.Step(batch);
        }

        static long Process()
        {
            using var process = System.Diagnostics.Process.GetCurrentProcess();
            return process.PrivateMemorySize64;
        }
    }
}
