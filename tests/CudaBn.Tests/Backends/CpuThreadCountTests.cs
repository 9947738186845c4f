using CudaBn.Backends.Cpu;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends;

/// <summary>Results do not depend on the number of threads, bit for bit.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixture]
public class CpuThreadCountTests
{
    private const int Images = 512;

    private static readonly int[] OtherThreadCounts = [2, 8];

    private static IEnumerable<string> Widths() => TestBackends.CpuWidths.Select(width => width.ToString());

    private static IEnumerable<string> VectorWidths() => Widths().Where(width => width != nameof(SimdWidth.Scalar));

    [Test]
    public void EveryOperator_AnyThreadCount_GivesTheSameBits(
        [ValueSource(nameof(Widths))] string width, [Values(DType.Float32, DType.Float64)] DType dtype)
    {
        var single = OnThreads(1, width, device => EveryOperator.Run(device, dtype));

        foreach (var threads in OtherThreadCounts)
            AssertSame(single, OnThreads(threads, width, device => EveryOperator.Run(device, dtype)), threads);
    }

    [Test]
    public void SeedNetwork_OneEpoch_AnyThreadCount_GivesTheSameBits(
        [ValueSource(nameof(VectorWidths))] string width)
    {
        var images = DrawnGarments.Create(Images, testCount: 10).Train;
        var single = OnThreads(1, width, device => TrainOneEpoch(device, images));

        AssertSame(single, OnThreads(1, width, device => TrainOneEpoch(device, images)), threads: 1);
        foreach (var threads in OtherThreadCounts)
            AssertSame(single, OnThreads(threads, width, device => TrainOneEpoch(device, images)), threads);
    }

    private static T OnThreads<T>(int threads, string width, Func<Device, T> run)
    {
        using var backend = new CpuBackend(threads, Enum.Parse<SimdWidth>(width));
        return run(backend.Device);
    }

    private static List<(string Name, byte[] Bits)> TrainOneEpoch(Device device, ImageDataset images)
    {
        using var network = SeedNetwork.Create();
        network.Initialize(device, seed: 3);
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = new Sgd(network.Parameters, SeedNetwork.LearningRate);
        using var batches = new DataLoader(images, 200, device, shuffle: true, seed: 4);
        using var trainer = new Trainer(network, loss, optimizer);
        foreach (var batch in batches)
            trainer.Step(batch);
        return [.. network.State.Select(state => (state.Name, TensorBits.Of(state.Tensor)))];
    }

    private static void AssertSame(
        IReadOnlyList<(string Name, byte[] Bits)> single, IReadOnlyList<(string Name, byte[] Bits)> other, int threads)
    {
        Assert.That(other.Select(result => result.Name), Is.EqualTo(single.Select(result => result.Name)));
        Assert.Multiple(() =>
        {
            foreach (var ((name, bits), (_, otherBits)) in single.Zip(other))
                Assert.That(otherBits.AsSpan().SequenceEqual(bits), $"{name} differs with {threads} threads");
        });
    }
}
