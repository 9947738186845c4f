using CudaBn.Tests.Reference;
using NUnit.Framework;

namespace CudaBn.Tests.Core;

public class ResNetTests
{
    // The paper's 269,722 of option A, and two projections: 16 x 32 and 32 x 64 weights, two numbers for each channel.
    private const int OfTwoProjections = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64;

    private static IEnumerable<TestCaseData> Networks() =>
    [
        new TestCaseData((Func<Sequential>)(() => ResNet20.Create()), 10).SetArgDisplayNames("ResNet20"),
        new TestCaseData((Func<Sequential>)(() => ResNet18.Create(classes: 7)), 7).SetArgDisplayNames("ResNet18"),
        new TestCaseData((Func<Sequential>)(() => ResNet18.Create(classes: 7, smallImages: true)), 7)
            .SetArgDisplayNames("ResNet18, small images"),
    ];

    [Test]
    public void ResNet20_HasTheParametersOfThePaper()
    {
        Assert.That(CountParameters(ResNet20.Create()), Is.EqualTo(269_722 + OfTwoProjections));
        Assert.That(
            CountParameters(ResNet20.Create(inChannels: 1, classes: 100)),
            Is.EqualTo(269_722 + OfTwoProjections - 2 * 16 * 9 + 90 * 65));
    }

    [Test]
    public void Create_SizesThatAreNotPositive_AreNamed()
    {
        ErrorAssert.Throws<ArgumentException>(() => ResNet20.Create(inChannels: 0), "0");
        ErrorAssert.Throws<ArgumentException>(() => ResNet20.Create(classes: 0), "0");
        ErrorAssert.Throws<ArgumentException>(() => ResNet18.Create(inChannels: -1), "-1");
        ErrorAssert.Throws<ArgumentException>(() => ResNet18.Create(classes: -2), "-2");
    }

    [Test]
    public void ResNet18_HasTheParametersOfTorchvision()
    {
        Assert.That(CountParameters(ResNet18.Create()), Is.EqualTo(11_689_512));
        // With 3 x 3 instead of 7 x 7 in the first convolution.
        Assert.That(
            CountParameters(ResNet18.Create(smallImages: true)), Is.EqualTo(11_689_512 - 64 * 3 * (49 - 9)));
    }

    [Test]
    public void Names_AreThoseOfTorchvision()
    {
        using var model = ResNet20.Create();
        model.Initialize(Device.Cpu);
        var names = model.State.Select(s => s.Name).ToArray();
        Assert.That(names, Is.Unique);
        Assert.That(names, Is.SupersetOf(new[]
        {
            "conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer1.2.bn2.bias",
            "layer2.0.downsample.0.weight", "layer3.0.downsample.1.running_var", "fc.weight", "fc.bias",
        }));
        Assert.That(names.Count(name => name.Contains("downsample", StringComparison.Ordinal)), Is.EqualTo(2 * 6));
    }

    [TestCaseSource(nameof(Networks))]
    public void Training_LearnsABatch_AndFusesAsTheLayersSay(Func<Sequential> create, int classes)
    {
        using var fused = create();
        using var unfused = create();
        unfused.FusesLayers = false;
        using var x = new Tensor([4, 3, 32, 32], DType.Float32, Device.Cpu);
        Initializer.Normal().Fill(x, new Fan(1, 1), seed: 5, stream: 0);
        using var labels = Tensor.From([0, 1, 2, 3], [4]);
        using var loss = new SoftmaxCrossEntropy();
        foreach (var model in new[] { fused, unfused })
            model.Initialize(Device.Cpu, seed: 2);
        var output = fused.Forward(x);
        Assert.That(output.Shape, Is.EqualTo(new Shape(4, classes)));
        Assert.That(output.ToArray<float>(), Is.EqualTo(unfused.Forward(x).ToArray<float>()));

        using var optimizer = new Sgd(fused.Parameters, 0.01);
        var losses = new List<float>();
        for (var step = 0; step < 4; step++)
        {
            losses.Add(loss.Forward(fused.Forward(x), labels).ToArray<float>()[0]);
            fused.BackwardParameters(loss.Backward());
            optimizer.Step();
        }

        Assert.That(losses[^1], Is.LessThan(0.8 * losses[0]));
        AssertFoldedIsTheSame(fused, x);
    }

    private static void AssertFoldedIsTheSame(Sequential model, Tensor x)
    {
        using var folded = model.Fuse();
        model.IsTraining = false;
        var (actual, expected) = (Doubles(folded.Forward(x)), Doubles(model.Forward(x)));
        Assert.That(folded.SelfAndInnerLayers().OfType<BatchNorm>(), Is.Empty);
        Assert.That(Comparison.RelativeError(actual, expected), Is.LessThan(1e-5));
    }

    private static double[] Doubles(Tensor tensor) => Array.ConvertAll(tensor.ToArray<float>(), value => (double)value);

    private static long CountParameters(Sequential model)
    {
        using (model)
        {
            model.Initialize(Device.Cpu);
            return model.Parameters.Sum(parameter => parameter.Value.ElementCount);
        }
    }
}
