using CudaBn.Backends.Cuda;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>How much memory kernels move, in elements per element of the input: what decides the speed of operators that
/// compute next to nothing. The software device counts each sector of 32 bytes once per kernel.</summary>
[NonParallelizable]
public class BytesMovedTests
{
    // More values a channel than the threads of a block hold in their registers.
    private static readonly Shape Images = [20, 16, 32, 32];

    // No more than that: what is normalized is read once.
    private static readonly Shape FewImages = [8, 16, 32, 32];
    private static readonly Shape Rows = [8 * 32 * 32, 16];

    private Device? _device;

    [OneTimeSetUp]
    public void OpenCountingDevice()
    {
        SoftCudaControl.Require();
        // Kernels compiled from now on tell of every access; those that were compiled before are refused, and compiled anew.
        SoftCudaControl.Set("QUIET", "1");
        SoftCudaControl.Set("CHECK", "1");
        _device = new CudaBackend().Device;
    }

    [OneTimeTearDown]
    public void CloseCountingDevice()
    {
        if (_device is null)
            return;
        _device.Backend.Dispose();
        foreach (var key in new[] { "CHECK", "QUIET" })
            SoftCudaControl.Set(key, Environment.GetEnvironmentVariable($"SOFTCUDA_{key}") ?? "0");
        SoftCudaControl.TakeReport();
    }

    [TestCase(true, 3, 5)]
    [TestCase(false, 5, 8)]
    public void BatchNormReLU(bool fuses, double forward, double backward) => Assert.Multiple(() =>
    {
        AssertMoves(FewImages, Create(fuses, new BatchNorm(16), new ReLU()), forward - 1, backward - 2);
        AssertMoves(Images, Create(fuses, new BatchNorm(16), new ReLU()), forward, backward);
        AssertMoves(Rows, Create(fuses, new BatchNorm(16), new ReLU()), forward, backward);
    });

    // The shortcut's own normalization, 3 and 5, and the sum of the gradients of both branches, 3, come on top.
    [TestCase(true, 4 + 3, 7 + 5 + 3)]
    [TestCase(false, 8 + 3, 8 + 5 + 3)]
    public void BatchNormAddReLU(bool fuses, double forward, double backward) => Assert.Multiple(() =>
    {
        Sequential Block() => Create(fuses, new Residual(new BatchNorm(16), new BatchNorm(16)), new ReLU());
        AssertMoves(Images, Block(), forward, backward);
        AssertMoves(Rows, Block(), forward, backward);
        // The gradient of the rectifier is a kernel of its own then, 3, and that of the normalization another 3.
        AssertMoves(FewImages, Block(), forward - 2, fuses ? backward - 3 : backward - 4);
    });

    [TestCase(true, 4 + 3, 5 + 5 + 3)]
    [TestCase(false, 6 + 3, 5 + 5 + 3)]
    public void BatchNormAdd(bool fuses, double forward, double backward) => Assert.Multiple(() =>
    {
        Sequential Block() => Create(fuses, new Residual(new BatchNorm(16), new BatchNorm(16)));
        AssertMoves(Images, Block(), forward, backward);
        AssertMoves(FewImages, Block(), forward - 2, backward - 4);
    });

    [TestCase(true, 2 + 3, 3 + 3 + 3)]
    [TestCase(false, 2 + 3 + 2, 3 + 3 + 3)]
    public void AddReLU(bool fuses, double forward, double backward) => AssertMoves(
        FewImages, Create(fuses, new Residual(new LeakyReLU()), new ReLU()), forward, backward);

    // A byte for the place in every window is 1/16 of an element of the input.
    [Test]
    public void BatchNormReLUMaxPool_LayerByLayer() => Assert.Multiple(() =>
    {
        Sequential Layers() => Create(fuses: false, new BatchNorm(16), new ReLU(), new MaxPool2d(2));
        AssertMoves(Images, Layers(), 5 + 1.3125, 8 + 1.3125);
        AssertMoves(FewImages, Layers(), 4 + 1.3125, 6 + 1.3125);
    });

    [Test]
    public void BatchNormReLUMaxPool_MovesLessThanHalfOfWhatTheLayersMove()
    {
        var (forward, backward) = Moves(Images, Create(true, new BatchNorm(16), new ReLU(), new MaxPool2d(2)));
        var (layersForward, layersBackward) = Moves(Images, Create(false, new BatchNorm(16), new ReLU(), new MaxPool2d(2)));

        // The first sweep of backward reads the winners and their gradients: a quarter of the input each.
        Assert.That(forward, Is.EqualTo(2.3125 + 0.25).Within(0.05));
        Assert.That(backward, Is.EqualTo(0.5 + 2.3125).Within(0.05));
        Assert.That(forward + backward, Is.LessThan((layersForward + layersBackward) / 2));
    }

    private static Sequential Create(bool fuses, params ReadOnlySpan<Layer> layers) => new(layers) { FusesLayers = fuses };

    private void AssertMoves(Shape input, Sequential network, double forward, double backward)
    {
        var moved = Moves(input, network);

        // Constants and sums of channels are few; blocks that share rows out leave more of them.
        var rest = input == Rows ? 0.12 : 0.05;
        Assert.Multiple(() =>
        {
            Assert.That(moved.Forward, Is.EqualTo(forward).Within(rest), "forward");
            Assert.That(moved.Backward, Is.EqualTo(backward).Within(rest), "backward");
        });
    }

    private (double Forward, double Backward) Moves(Shape input, Sequential network)
    {
        using (network)
        {
            network.Initialize(_device!);
            using var x = Normal(input, stream: 1);
            using var gradOutput = Normal(network.Forward(x).Shape, stream: 2);
            double elements = input.ElementCount;
            return (
                Count(() => network.Forward(x)) / elements, Count(() => network.Backward(gradOutput)) / elements);
        }
    }

    private double Count(Action work)
    {
        _device!.Backend.Synchronize();
        var before = Total();
        work();
        _device.Backend.Synchronize();
        return (Total() - before) / (double)sizeof(float);

        static long Total() => SoftCudaControl.Count("bytes_read") + SoftCudaControl.Count("bytes_written");
    }

    private Tensor Normal(Shape shape, uint stream)
    {
        var tensor = new Tensor(shape, DType.Float32, _device!);
        Initializer.Normal().Fill(tensor, new Fan(1, 1), seed: 5, stream);
        return tensor;
    }
}
