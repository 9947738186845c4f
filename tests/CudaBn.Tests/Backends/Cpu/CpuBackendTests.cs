using CudaBn.Backends.Cpu;
using CudaBn.Tests.Core;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

public class CpuBackendTests
{
    [TestCase(0)]
    [TestCase(-2)]
    public void Constructor_NoThread_NamesTheNumber(int threads) =>
        ErrorAssert.Throws<ArgumentOutOfRangeException>(() => _ = new CpuBackend(threads), $"{threads}");

    [Test]
    public void Description_SaysRegistersAndThreads()
    {
        using var one = new CpuBackend(1, SimdWidth.Scalar);
        using var three = new CpuBackend(3);
        Assert.That(one.Device.Description, Is.EqualTo("CPU, no vectors, 1 thread"));
        Assert.That(three.Device.Description, Does.EndWith(", 3 threads"));
        Assert.That(three.Threads, Is.EqualTo(3));
    }

    [Test]
    public void SeveralBackendsAtOnce_GiveTheResultsOfOne()
    {
        var expected = Train(Device.Cpu, seed: 1);
        var results = new double[3][];
        var threads = Enumerable.Range(0, results.Length).Select(i => new Thread(() =>
        {
            using var backend = new CpuBackend(threads: 2);
            results[i] = Train(backend.Device, seed: 1);
        })).ToArray();
        RunAll(threads);
        foreach (var result in results)
            Assert.That(result, Is.EqualTo(expected));
    }

    [Test]
    public void OneBackendFromSeveralThreads_GivesTheResultsOfOneAfterTheOther()
    {
        using var backend = new CpuBackend(threads: 2);
        var expected = Enumerable.Range(0, 3).Select(seed => Train(backend.Device, (ulong)seed)).ToArray();
        var results = new double[expected.Length][];
        RunAll([.. Enumerable.Range(0, expected.Length)
            .Select(i => new Thread(() => results[i] = Train(backend.Device, (ulong)i)))]);
        Assert.That(results, Is.EqualTo(expected));
    }

    [Test]
    public void Dispose_Twice_IsFine()
    {
        var backend = new CpuBackend(threads: 2);
        Train(backend.Device, seed: 1);
        backend.Dispose();
        Assert.That(backend.Dispose, Throws.Nothing);
    }

    private static void RunAll(Thread[] threads)
    {
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
    }

    private static double[] Train(Device device, ulong seed)
    {
        using var model = new Sequential(
            new Conv2d(1, 5, 3), new BatchNorm(5), new ReLU(), new MaxPool2d(2), new Flatten(), new Linear(45, 10));
        model.Initialize(device, DType.Float64, seed);
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = new Sgd(model.Parameters, 0.1, momentum: 0.9);
        using var images = new Tensor([37, 1, 8, 8], DType.Float64, device);
        Initializer.Normal().Fill(images, new Fan(1, 1), seed, stream: 99);
        using var labels = Tensor.From(Enumerable.Range(0, 37).Select(i => i % 10).ToArray(), [37], device);
        using var trainer = new Trainer(model, loss, optimizer);
        for (var step = 0; step < 15; step++)
            trainer.Step(new Batch(images, labels));
        return [.. model.Parameters.SelectMany(p => p.Value.ToArray<double>())];
    }
}
