using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>What layers keep between calls, when calls come in an unusual order.</summary>
public class LayerStateTests
{
    [Test]
    public void FusedBackward_ModeChangedSinceTheEvaluation_IsThatOfTheEvaluation()
    {
        var gradients = new List<float[]>();
        foreach (var fuses in new[] { true, false })
        {
            using var model = new Sequential(new BatchNorm(2), new ReLU(), new MaxPool2d(2)) { FusesLayers = fuses };
            model.Initialize(Device.Cpu);
            using var input = Normal([3, 2, 4, 4], stream: 1);
            using var gradOutput = Normal([3, 2, 2, 2], stream: 2);
            model.IsTraining = false;
            model.Forward(input);
            model.IsTraining = true;
            gradients.Add(model.Backward(gradOutput).ToArray<float>());
            var batchNorm = (BatchNorm)model.Layers[0];
            Assert.That(batchNorm.BatchesTracked!.ToArray<long>()[0], Is.Zero);
            Assert.That(batchNorm.IsTraining, Is.True);
        }

        Assert.That(gradients[0], Is.EqualTo(gradients[1]));
    }

    [TestCase(1e38f, 34)]
    [TestCase(3e37f, 350)]
    [TestCase(-2.5e37f, 33)]
    public void BatchNorm_HugeConstant_GivesExactlyBeta(float constant, int spatial)
    {
        using var input = Tensor.From<float>(Enumerable.Repeat(constant, 2 * spatial).ToArray(), [2, 1, spatial]);
        using var beta = Tensor.From<float>([0.25f], [1]);
        using var output = BatchNorm.Normalize(input, beta: beta);
        Assert.That(output.ToArray<float>(), Is.All.EqualTo(0.25f));
    }

    [Test]
    public void Sequential_AfterARefusedForward_RefusesBackward()
    {
        using var model = new Sequential(new Conv2d(1, 2, 3), new Flatten(), new Linear(2 * 2 * 2, 3));
        model.Initialize(Device.Cpu);
        using var good = Normal([2, 1, 4, 4], stream: 1);
        using var bad = Normal([2, 1, 5, 5], stream: 2);
        using var gradOutput = Normal([2, 3], stream: 3);
        model.Forward(good);
        Assert.That(() => model.Forward(bad), Throws.ArgumentException);
        Assert.That(() => model.Backward(gradOutput), Throws.InvalidOperationException);
        model.Forward(good);
        Assert.That(model.Backward(gradOutput).Shape, Is.EqualTo(good.Shape));
    }

    [Test]
    public void Sequential_NameGivenAndCounted_CountsPastIt()
    {
        using var model = new Sequential(new ReLU { Name = "relu2" }, new ReLU(), new ReLU());
        Assert.That(model.Layers.Select(layer => layer.Name), Is.EqualTo(new[] { "relu2", "relu3", "relu4" }));
    }

    [Test]
    public void Flatten_OneTensorBothWays_KeepsTheViewsApart()
    {
        using var flatten = new Flatten();
        flatten.Initialize(Device.Cpu);
        using var images = Normal([2, 3, 2, 2], stream: 1);
        using var rows = Normal([2, 12], stream: 2);
        flatten.Forward(images);
        Assert.That(flatten.Backward(rows).Shape, Is.EqualTo(images.Shape));
        Assert.That(flatten.Forward(rows).Shape, Is.EqualTo(rows.Shape));
    }

    [Test]
    public void Sgd_ParametersOfTwoTypes_NamesTheOdd()
    {
        using var single = new Linear(2, 2);
        using var twice = new Linear(2, 2) { Name = "wide" };
        single.Initialize(Device.Cpu);
        twice.Initialize(Device.Cpu, DType.Float64);
        Assert.That(
            () => new Sgd([.. single.Parameters, .. twice.Parameters], 0.1),
            Throws.ArgumentException.With.Message.Contains("'wide.weight' a Float64"));
    }

    [Test]
    public void CpuBackend_Disposed_RefusesOperators()
    {
        var backend = new CpuBackend(1);
        using var tensor = Tensor.Zeros([2], device: backend.Device);
        backend.Dispose();
        backend.Dispose();
        Assert.That(() => backend.Fill(tensor, 1), Throws.TypeOf<ObjectDisposedException>());
    }

    private static Tensor Normal(Shape shape, uint stream)
    {
        var tensor = new Tensor(shape, DType.Float32, Device.Cpu);
        Initializer.Normal().Fill(tensor, new Fan(1, 1), seed: 5, stream);
        return tensor;
    }
}
