using CudaBn.Bench;
using CudaBn.Tests.Reference;
using NUnit.Framework;

namespace CudaBn.Tests.Bench;

/// <summary>The models of work, counted by hand.</summary>
public class WorkTests
{
    [Test]
    public void Conv2d_SeedNetwork_IsCountedByHand()
    {
        // 256 images of 20 x 24 x 24 sums of 25 products; 1 x 28 x 28 in, 20 x 24 x 24 out, 500 weights.
        Assert.That(
            new Conv2dShape(256, 1, 20, 28, 5).Work,
            Is.EqualTo(new Work(2L * 256 * 20 * 576 * 25, 4L * (256 * 784 + 500 + 256 * 20 * 576))));
    }

    [TestCase(2, 3, 4, 7, 3, 2, 1)]
    [TestCase(1, 2, 5, 9, 4, 3, 0)]
    [TestCase(3, 1, 1, 5, 1, 1, 2)]
    public void Conv2d_OutputSize_IsThatOfTheReference(
        int batch, int inChannels, int outChannels, int size, int kernel, int stride, int padding)
    {
        var shape = new Conv2dShape(batch, inChannels, outChannels, size, kernel, stride, padding);
        var outSize = new ReferenceAxis(size, kernel, stride, padding, padding).OutputSize;
        Assert.That(shape.OutSize, Is.EqualTo(outSize));
        Assert.That(
            shape.Work.Flops,
            Is.EqualTo(2L * batch * outChannels * outSize * outSize * inChannels * kernel * kernel));
    }

    [Test]
    public void BatchNorm_MovesEightBytesForward_AndTwelveBackward()
    {
        var shape = new BatchNormShape(2, 3, 4, 5);
        Assert.That(shape.Elements, Is.EqualTo(120));
        Assert.That(shape.Forward, Is.EqualTo(new Work(7 * 120, 8 * 120)));
        Assert.That(shape.Backward, Is.EqualTo(new Work(10 * 120, 12 * 120)));
        Assert.That(shape.Evaluate, Is.EqualTo(new Work(3 * 120, 8 * 120)));
    }

    [Test]
    public void BatchNorm_MoreElementsThanAnIntHolds_AreCounted() =>
        Assert.That(new BatchNormShape(65536, 64, 32, 32).Forward.Bytes, Is.EqualTo(8L << 32));

    [Test]
    public void MaxPool2d_OverlappingWindows_CountEveryComparison()
    {
        // 2 x 3 planes of 5 x 5, windows of 3 x 3 every 2: 2 x 2 of them, 8 comparisons each, a byte for the place.
        var shape = new MaxPool2dShape(2, 3, 5, 3, 2);
        Assert.That(shape.Forward, Is.EqualTo(new Work(6 * 4 * 8, 4 * (6 * 25 + 6 * 4) + 6 * 4)));
        Assert.That(shape.Backward, Is.EqualTo(new Work(6 * 4, shape.Forward.Bytes)));
        Assert.That(new MaxPool2dShape(1, 1, 112, 3, 2, Padding: 1).OutSize, Is.EqualTo(56));
    }

    [Test]
    public void Fused_WritesNoTensorInBetween()
    {
        // 4 planes of 4 x 4 in, 2 x 2 out with their places.
        var shape = new BatchNormReLUMaxPoolShape(2, 2, 4);
        Assert.That(shape.Forward, Is.EqualTo(new Work(7 * 64 + 3 * 16 + 16, 4 * (64 + 2 * 16) + 16)));
        Assert.That(shape.Backward, Is.EqualTo(new Work(4 * 16 + 6 * 64, 4 * (2 * 64 + 2 * 16) + 16)));
    }

    [Test]
    public void Linear_CountsProductsAndBias()
    {
        var shape = new LinearShape(2, 3, 5);
        Assert.That(shape.Forward, Is.EqualTo(new Work(2 * 30 + 10, 4 * (6 + 15 + 5 + 10))));
        Assert.That(shape.Backward, Is.EqualTo(new Work(4 * 30 + 10, 4 * (12 + 30 + 5 + 10))));
    }

    [Test]
    public void Elementwise_CountsTensors()
    {
        Assert.That(new ElementwiseShape(2, 3, 4).Forward, Is.EqualTo(new Work(96, 8 * 96)));
        Assert.That(new ElementwiseShape(2, 3, 4).Backward, Is.EqualTo(new Work(96, 12 * 96)));
        Assert.That(new ClassificationShape(4, 10).Forward, Is.EqualTo(new Work(200, 320)));
        Assert.That(new ClassificationShape(4, 10).Backward, Is.EqualTo(new Work(80, 320)));
    }

    [Test]
    public void Sgd_TheSeedNetwork_HasItsParameters()
    {
        Assert.That(SgdShape.All[0].Elements, Is.EqualTo(171_128));
        Assert.That(SgdShape.All[0].Step, Is.EqualTo(new Work(4 * 171_128, 12 * 171_128)));
        Assert.That(new SgdShape("two", 0.9, 3, 4).Step, Is.EqualTo(new Work(7 * 7, 20 * 7)));
    }

    [Test]
    public void Network_AStep_Is1925MegaFlop()
    {
        // Multiply-adds of one image: conv1 20*24*24*25, conv2 50*10*10*180, fc1 1250*128, fc2 128*10, and biases of the
        // dense layers; backward all of them twice but conv1, which has one gradient.
        const long forward = 2 * (288_000 + 900_000 + 160_000 + 1_280) + 138;
        const long backward = 2 * (288_000 + 2 * (900_000 + 160_000 + 1_280)) + 138;
        Assert.That(NetworkShape.Step.Forward.Flops, Is.EqualTo(256 * forward));
        Assert.That(NetworkShape.Step.Train.Flops, Is.EqualTo(256 * (forward + backward)));
        Assert.That(NetworkShape.Step.Train.Flops / 1e9, Is.EqualTo(1.925).Within(0.0005));
    }

    [Test]
    public void ResidualNetwork_Convolutions_AreThoseOfTheModel()
    {
        using var model = ResNet20.Create(inChannels: 1);
        model.Initialize(Device.Cpu);
        Assert.That(
            ResidualNetworkShape.Step.Convolutions.Select(conv => conv.WeightElements),
            Is.EqualTo(model.Parameters.Where(parameter => parameter.Value.Shape.Rank == 4)
                .Select(parameter => parameter.Value.ElementCount)));

        // Multiply-adds of one image: each convolution of a stage, the first of the later stages, the projections.
        const long first = 784 * 16 * 9, inner = 784 * 16 * 16 * 9, halving = 196 * 32 * 16 * 9, projection = 196 * 32 * 16;
        const long forward = 2 * (first + 16 * inner + 2 * halving + 2 * projection);
        Assert.That(new ResidualNetworkShape(2).ConvolutionsWork.Flops, Is.EqualTo(2 * (3 * forward - 2 * first)));
    }

    [Test]
    public void Network_Parameters_AreThoseOfTheModel()
    {
        using var model = SeedNetwork.Create();
        model.Initialize(Device.Cpu);
        Assert.That(
            SgdShape.All[0].Parameters.Order(),
            Is.EqualTo(model.Parameters.Select(parameter => (int)parameter.Value.ElementCount).Order()));
    }

    [Test]
    public void Floor_IsTheLongerOfArithmeticAndMemory()
    {
        var limits = new MachineLimits(GigaFlops: 100, GigaBytes: 10);
        var compute = new Work(Flops: 200_000_000_000, Bytes: 10_000_000_000);
        var memory = new Work(Flops: 50_000_000_000, Bytes: 10_000_000_000);
        Assert.That((compute.Floor(limits), compute.IsComputeBound(limits), compute.Intensity), Is.EqualTo((2.0, true, 20.0)));
        Assert.That((memory.Floor(limits), memory.IsComputeBound(limits), memory.Intensity), Is.EqualTo((1.0, false, 5.0)));
    }

    [Test]
    public void Limits_AreTheBetterOfTwo()
    {
        Assert.That(
            new MachineLimits(1, 20).Best(new MachineLimits(10, 2)), Is.EqualTo(new MachineLimits(10, 20)));
        Assert.That(new MachineLimits(1, 20).Best(null), Is.EqualTo(new MachineLimits(1, 20)));
    }

    [Test]
    public void Limits_OfTheProcessor_ArePlausible()
    {
        var limits = MachineLimits.Of(Device.Cpu);
        Assert.That(limits.GigaFlops, Is.InRange(0.5, 50_000));
        Assert.That(limits.GigaBytes, Is.InRange(0.1, 5_000));
    }
}
