using CudaBn.Backends.OpArgs;
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

    [TestCase(2, 3, 4, 7, 3, 2, 1, 1)]
    [TestCase(1, 2, 5, 9, 4, 3, 0, 1)]
    [TestCase(3, 1, 1, 5, 1, 1, 2, 1)]
    [TestCase(2, 3, 4, 11, 3, 2, 1, 3)]
    public void Conv2d_OutputSize_IsThatOfTheReference(
        int batch, int inChannels, int outChannels, int size, int kernel, int stride, int padding, int dilation)
    {
        var shape = new Conv2dShape(batch, inChannels, outChannels, size, kernel, stride, padding, dilation);
        var outSize = new ReferenceAxis(size, kernel, stride, padding, padding, dilation).OutputSize;
        Assert.That(shape.OutSize, Is.EqualTo(outSize));
        Assert.That(
            shape.Work.Flops,
            Is.EqualTo(2L * batch * outChannels * outSize * outSize * inChannels * kernel * kernel));
    }

    [Test]
    public void Conv2d_InGroups_EveryOutputSeesItsOwn()
    {
        // Depthwise: 8 images of 32 x 112 x 112 sums of 9 products, and 9 weights per channel.
        const long elements = 8 * 32 * 112 * 112;
        Assert.That(
            new Conv2dShape(8, 32, 32, 112, 3, Padding: 1, Groups: 32).Work,
            Is.EqualTo(new Work(2 * elements * 9, 4 * (2 * elements + 32 * 9))));
        // Two groups of 2 -> 3 channels: 1 x 6 x 4 x 4 sums of 2 products.
        Assert.That(
            new Conv2dShape(1, 4, 6, 4, 1, Groups: 2).Work,
            Is.EqualTo(new Work(2 * 96 * 2, 4 * (4 * 16 + 6 * 2 + 96))));
    }

    [Test]
    public void Conv2d_Name_TellsWhatIsUnusual()
    {
        Assert.That($"{new Conv2dShape(8, 4, 6, 9, 3)}", Is.EqualTo("8, 4->6, 9x9, k3"));
        Assert.That(
            $"{new Conv2dShape(8, 4, 6, 9, 3, Stride: 2, Padding: 1, Dilation: 3, Groups: 2)}",
            Is.EqualTo("8, 4->6, 9x9, k3 s2 p1 d3 g2"));
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
    public void BatchNorm_ChannelsLast_IsAMatrix()
    {
        var shape = BatchNormShape.Usual.Single(shape => $"{shape}" == "256x24x24x20, channels last");
        Assert.That(shape.TensorShape, Is.EqualTo(new Shape([256 * 24 * 24, 20])));
        Assert.That(shape.Forward, Is.EqualTo(new BatchNormShape(256, 20, 24, 24).Forward));
        Assert.That($"{new BatchNormShape(4096, 1024)}", Is.EqualTo("4096x1024"));
    }

    [Test]
    public void VirtualBatchNorm_HasTheWorkOfOneBatch()
    {
        var shape = new VirtualBatchNormShape(8, 3, 5, Size: 4);
        Assert.That((shape.Whole.Elements, shape.Part.Elements), Is.EqualTo((600L, 300L)));
        Assert.That(new VirtualBatchNormBenchmarks { Shape = shape }.WorkOf("Forward"), Is.EqualTo(new Work(7 * 600, 8 * 600)));
        Assert.That(new VirtualBatchNormBenchmarks { Shape = shape }.WorkOf("Backward"), Is.EqualTo(new Work(10 * 600, 12 * 600)));
        Assert.That($"{shape}", Is.EqualTo("8x3x5x5 by 4"));
    }

    [Test]
    public void BatchNormTail_WritesNoTensorInBetween()
    {
        // 120 elements: input read, output written; backward reads input and gradient, and writes a gradient.
        var rectified = new BatchNormTailShape(2, 15, 2);
        Assert.That(rectified.Forward, Is.EqualTo(new Work(8 * 120, 8 * 120)));
        Assert.That(rectified.Backward, Is.EqualTo(new Work(11 * 120, 12 * 120)));
        // With an addition, the addend read; backward also reads the output and writes the addend's gradient.
        var added = rectified with { Adds = true };
        Assert.That(added.Forward, Is.EqualTo(new Work(9 * 120, 12 * 120)));
        Assert.That(added.Backward, Is.EqualTo(new Work(11 * 120, 20 * 120)));
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
    public void AvgPool2d_OverlappingWindows_CountEveryAddition()
    {
        // 2 x 3 planes of 5 x 5, windows of 3 x 3 every 2: 2 x 2 of them, 8 additions and a product each; backward a product
        // and 9 additions.
        var shape = new AvgPool2dShape(2, 3, 5, 3, 2);
        Assert.That(shape.Forward, Is.EqualTo(new Work(6 * 4 * 9, 4 * (6 * 25 + 6 * 4))));
        Assert.That(shape.Backward, Is.EqualTo(new Work(6 * 4 * 10, 4 * (6 * 25 + 6 * 4))));
    }

    [Test]
    public void GlobalAvgPool_HasAWindowPerPlane()
    {
        var shape = AvgPool2dShape.GlobalQuick[0];
        Assert.That(shape.Forward, Is.EqualTo(new Work(128 * 64 * 49, 4 * (128 * 64 * 49 + 128 * 64))));
        Assert.That($"{shape}", Is.EqualTo("128x64x7x7"));
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
        Assert.That(new ElementwiseShape(2, 3, 4).Dropout, Is.EqualTo(new Work(96, 8 * 96)));
        Assert.That(new ElementwiseShape(2, 3, 4).SquaredError, Is.EqualTo(new Work(3 * 96, 8 * 96)));
        Assert.That(new ElementwiseShape(2, 3, 4).SquaredErrorGradient, Is.EqualTo(new Work(2 * 96, 12 * 96)));
        Assert.That(new ClassificationShape(4, 10).Forward, Is.EqualTo(new Work(200, 320)));
        Assert.That(new ClassificationShape(4, 10).Backward, Is.EqualTo(new Work(80, 320)));
    }

    // The definitions as written, an exponential, an error function and a hyperbolic tangent being one operation each.
    [TestCase(ActivationKind.LeakyReLU, 2, 2)]
    [TestCase(ActivationKind.Gelu, 5, 11)]
    [TestCase(ActivationKind.GeluTanh, 8, 15)]
    [TestCase(ActivationKind.Silu, 4, 8)]
    [TestCase(ActivationKind.Sigmoid, 3, 6)]
    [TestCase(ActivationKind.Tanh, 1, 4)]
    public void Activation_CountsItsDefinition(ActivationKind kind, int forward, int backward)
    {
        var shape = new ActivationShape(kind, 2, 3, 4);
        Assert.That(shape.Forward, Is.EqualTo(new Work(forward * 96, 8 * 96)));
        Assert.That(shape.Backward, Is.EqualTo(new Work(backward * 96, 12 * 96)));
    }

    [Test]
    public void Activation_EveryKind_IsMeasured() =>
        Assert.That(
            ActivationShape.All.Select(shape => shape.Kind).Distinct(), Is.EquivalentTo(Enum.GetValues<ActivationKind>()));

    [Test]
    public void Adam_MovesSevenTensors()
    {
        Assert.That(AdamShape.Usual[0].Step, Is.EqualTo(new Work(13 * 171_128, 28 * 171_128)));
        Assert.That(new AdamShape("two", 0.01, 3, 4).Step, Is.EqualTo(new Work(14 * 7, 28 * 7)));
    }

    [Test]
    public void Optimizers_ShapesAreToldApart_ByOperatorAndName()
    {
        OptimizerShape sgd = new SgdShape("a", 0.9, 3, 4), adam = new AdamShape("a", 0.9, 3, 4);
        Assert.That(sgd, Is.EqualTo(new SgdShape("a", 0.9, 3, 4)));
        Assert.That(sgd, Is.Not.EqualTo(new SgdShape("b", 0.9, 3, 4)));
        Assert.That(sgd, Is.Not.EqualTo(adam));
    }

    [Test]
    public void Sgd_TheSeedNetwork_HasItsParameters()
    {
        Assert.That(SgdShape.Usual[0].Elements, Is.EqualTo(171_128));
        Assert.That(SgdShape.Usual[0].Step, Is.EqualTo(new Work(4 * 171_128, 12 * 171_128)));
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
    public void ResidualInference_Convolutions_AreThoseOfTheModel()
    {
        using var model = ResNet18.Create();
        model.Initialize(Device.Cpu);
        Assert.That(
            new ResidualInferenceShape(1).Convolutions.Select(conv => conv.WeightElements),
            Is.EqualTo(model.Parameters.Where(parameter => parameter.Value.Shape.Rank == 4)
                .Select(parameter => parameter.Value.ElementCount)));

        // torchvision counts 1.814 billion multiply-adds of an image. Here the dense layer adds its bias, too.
        Assert.That(new ResidualInferenceShape(3).Work.Flops, Is.EqualTo(3 * (2 * 1_814_073_344L + 1000)));
    }

    [Test]
    public void Network_Parameters_AreThoseOfTheModel()
    {
        using var model = SeedNetwork.Create();
        model.Initialize(Device.Cpu);
        Assert.That(
            OptimizerShape.SeedNetwork.Order(),
            Is.EqualTo(model.Parameters.Select(parameter => (int)parameter.Value.ElementCount).Order()));
    }

    [Test]
    public void ResidualNetwork_Parameters_AreThoseOfTheModel()
    {
        using var model = ResNet20.Create(inChannels: 1);
        model.Initialize(Device.Cpu);
        Assert.That(
            ResidualNetworkShape.Step.Parameters.Order(),
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
        Assert.That(new MachineLimits(1, 1, 7).Best(new MachineLimits(1, 1, 5)), Is.EqualTo(new MachineLimits(1, 1, 5)));
        Assert.That(new MachineLimits(1, 1, 5).Best(new MachineLimits(1, 1, 7)), Is.EqualTo(new MachineLimits(1, 1, 5)));
        Assert.That(new MachineLimits(1, 1).Best(new MachineLimits(1, 1, 5)), Is.EqualTo(new MachineLimits(1, 1, 5)));
        Assert.That(new MachineLimits(1, 1, 5).Best(new MachineLimits(1, 1)), Is.EqualTo(new MachineLimits(1, 1, 5)));
    }

    [Test]
    public void Limits_OfTheProcessor_ArePlausible()
    {
        var limits = MachineLimits.Of(Device.Cpu);
        Assert.That(limits.GigaFlops, Is.InRange(0.5, 50_000));
        Assert.That(limits.GigaBytes, Is.InRange(0.1, 5_000));
    }
}
