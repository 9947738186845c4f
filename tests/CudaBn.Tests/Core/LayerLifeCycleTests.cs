using NUnit.Framework;

namespace CudaBn.Tests.Core;

[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class LayerLifeCycleTests(Device device)
{
    private static IEnumerable<(Layer Layer, Shape Input)> OneOfEach() =>
    [
        (new Conv1d(3, 4, 3), [2, 3, 8]),
        (new Conv2d(3, 4, 3), [2, 3, 8, 8]),
        (new Conv3d(3, 4, 3), [2, 3, 4, 4, 4]),
        (new MaxPool2d(2), [2, 3, 8, 8]),
        (new AvgPool1d(2), [2, 3, 8]),
        (new AdaptiveAvgPool2d(3), [2, 3, 8, 8]),
        (new GlobalAvgPool(), [2, 3, 8, 8]),
        (new BatchNorm(3), [2, 3, 8]),
        (new ReLU(), [2, 3]),
        (new LeakyReLU(), [2, 3]),
        (new GELU(), [2, 3]),
        (new SiLU(), [2, 3]),
        (new Sigmoid(), [2, 3]),
        (new Tanh(), [2, 3]),
        (new Dropout { IsTraining = false }, [2, 3]),
        (new Flatten(), [2, 3, 4]),
        (new Linear(6, 4), [2, 6]),
        (new Sequential(new Linear(6, 4), new ReLU()), [2, 6]),
        (new Residual(new Linear(6, 4), new Linear(6, 4)), [2, 6]),
    ];

    [Test]
    public void BeforeInitialize_NothingWorksAndTheMessageSaysWhatToCall()
    {
        foreach (var (layer, shape) in OneOfEach())
        {
            layer.Name = "it";
            var label = $"{layer.GetType().Name} 'it'";
            using var x = Tensor.Zeros(shape, DType.Float32, device);
            Assert.That(layer.IsInitialized, Is.False);
            ErrorAssert.Throws<InvalidOperationException>(() => layer.Forward(x), label, "Initialize");
            ErrorAssert.Throws<InvalidOperationException>(() => layer.Backward(x), label);
            ErrorAssert.Throws<InvalidOperationException>(() => _ = layer.Device, label, "Initialize");
            ErrorAssert.Throws<InvalidOperationException>(() => _ = layer.Parameters, label, "Initialize");
            ErrorAssert.Throws<InvalidOperationException>(() => _ = layer.State, label, "Initialize");
            layer.Dispose();
        }
    }

    [Test]
    public void Initialize_Twice_ThrowsAndChangesNothing()
    {
        foreach (var (layer, _) in OneOfEach())
        {
            using (layer)
            {
                layer.Initialize(device, DType.Float64, seed: 1);
                var before = Values(layer);
                ErrorAssert.Throws<InvalidOperationException>(
                    () => layer.Initialize(device, DType.Float32, seed: 2), layer.GetType().Name, device.ToString());
                Assert.That(layer.DType, Is.EqualTo(DType.Float64));
                Assert.That(Values(layer), Is.EqualTo(before));
            }
        }
    }

    [TestCase(DType.UInt8)]
    [TestCase(DType.Int32)]
    [TestCase(DType.Int64)]
    public void Initialize_IntegerType_ThrowsAndCanBeRepeated(DType dtype)
    {
        foreach (var (layer, shape) in OneOfEach())
        {
            using (layer)
            {
                ErrorAssert.Throws<ArgumentException>(
                    () => layer.Initialize(device, dtype), layer.GetType().Name, dtype.ToString());
                Assert.That(() => layer.Initialize(null!), Throws.ArgumentNullException);
                layer.Initialize(device);
                using var x = Tensor.Zeros(shape, DType.Float32, device);
                Assert.That(layer.Forward(x).Shape[0], Is.EqualTo(2));
            }
        }
    }

    [Test]
    public void Backward_BeforeForward_Throws()
    {
        foreach (var (layer, shape) in OneOfEach())
        {
            using (layer)
            {
                layer.Initialize(device);
                using var x = Tensor.Zeros(shape, DType.Float32, device);
                ErrorAssert.Throws<InvalidOperationException>(
                    () => layer.Backward(x), layer.GetType().Name, "forward");
                ErrorAssert.Throws<InvalidOperationException>(
                    () => layer.BackwardParameters(x), layer.GetType().Name, "forward");
                Assert.That(() => layer.Forward(null!), Throws.ArgumentNullException);
            }
        }
    }

    [Test]
    public void Backward_GivesTheGradientOfEveryInputItsShape()
    {
        foreach (var (layer, shape) in OneOfEach())
        {
            using (layer)
            {
                layer.Initialize(device);
                using var x = Tensor.Zeros(shape, DType.Float32, device);
                var gradInput = layer.Backward(layer.Forward(x));
                Assert.That((gradInput.Shape, gradInput.DType), Is.EqualTo((shape, DType.Float32)));
            }
        }
    }

    [Test]
    public void BackwardParameters_GivesTheParametersTheSameGradients()
    {
        foreach (var (layer, shape) in OneOfEach())
        {
            using (layer)
            {
                layer.Initialize(device, DType.Float64, seed: 3);
                using var x = new Tensor(shape, DType.Float64, device);
                Initializer.Normal().Fill(x, new Fan(1, 1), seed: 4, stream: 0);
                using var gradOutput = new Tensor(layer.Forward(x).Shape, DType.Float64, device);
                Initializer.Normal().Fill(gradOutput, new Fan(1, 1), seed: 5, stream: 0);
                layer.Backward(gradOutput);
                var expected = layer.Parameters.Select(p => p.Gradient.ToArray<double>()).ToArray();
                foreach (var parameter in layer.Parameters)
                    device.Backend.Fill(parameter.Gradient, double.NaN);
                layer.BackwardParameters(gradOutput);
                Assert.That(layer.Parameters.Select(p => p.Gradient.ToArray<double>()).ToArray(), Is.EqualTo(expected));
            }
        }
    }

    [Test]
    public void SameShape_GivesTheSameTensorsAgain()
    {
        foreach (var (layer, shape) in OneOfEach())
        {
            using (layer)
            {
                layer.Initialize(device);
                using var x = Tensor.Zeros(shape, DType.Float32, device);
                using var smaller = Tensor.Zeros([1, .. shape.Sizes[1..]], DType.Float32, device);
                var output = layer.Forward(x);
                var gradInput = layer.Backward(output);
                if (layer is not BatchNorm)
                    layer.Forward(smaller);
                Assert.That(layer.Forward(x), Is.SameAs(output));
                Assert.That(layer.Backward(output), Is.SameAs(gradInput));
            }
        }
    }

    [Test]
    public void ShapesThatGrowAndShrink_GiveWhatAFreshLayerGives()
    {
        foreach (var (layer, shape) in OneOfEach())
        {
            using (layer)
            {
                layer.Initialize(device, DType.Float64, seed: 3);
                foreach (var batch in new[] { 2, 5, 3, 19, 2, 19, 40, 5 })
                {
                    var fresh = OneOfEach().Single(other => other.Layer.GetType() == layer.GetType()).Layer;
                    using (fresh)
                    {
                        fresh.Initialize(device, DType.Float64, seed: 3);
                        using var x = new Tensor([batch, .. shape.Sizes[1..]], DType.Float64, device);
                        Initializer.Normal().Fill(x, new Fan(1, 1), seed: 4, stream: (uint)batch);
                        var (output, expected) = (layer.Forward(x), fresh.Forward(x));
                        Assert.That(output.ToArray<double>(), Is.EqualTo(expected.ToArray<double>()), $"{layer.Label}");
                        Assert.That(
                            layer.Backward(expected).ToArray<double>(),
                            Is.EqualTo(fresh.Backward(output).ToArray<double>()), $"{layer.Label}");
                        Assert.That(
                            layer.Parameters.Select(p => p.Gradient.ToArray<double>()).ToArray(),
                            Is.EqualTo(fresh.Parameters.Select(p => p.Gradient.ToArray<double>()).ToArray()));
                    }
                }
            }
        }
    }

    [Test]
    public void Dispose_ReleasesParametersAndOutputs()
    {
        foreach (var (layer, shape) in OneOfEach())
        {
            layer.Initialize(device);
            // Dropout in evaluation hands its input through.
            layer.IsTraining = true;
            using var x = Tensor.Zeros(shape, DType.Float32, device);
            var output = layer.Forward(x);
            var gradInput = layer.Backward(output);
            var owned = layer.State.Select(s => s.Tensor).Concat(layer.Parameters.Select(p => p.Gradient)).ToList();
            if (layer is not Flatten)
                owned.AddRange([output, gradInput]);
            layer.Dispose();
            layer.Dispose();
            foreach (var tensor in owned)
                Assert.That(() => tensor.Address, Throws.TypeOf<ObjectDisposedException>(), layer.GetType().Name);
            Assert.That(() => x.Address, Throws.Nothing, "a layer released its input");
            if (layer.Parameters.Count > 0)
                Assert.That(() => layer.Forward(x), Throws.TypeOf<ObjectDisposedException>(), layer.GetType().Name);
        }
    }

    [Test]
    public void Gradients_StartAsZeroAndHaveTheShapeOfTheValue()
    {
        foreach (var (layer, _) in OneOfEach())
        {
            using (layer)
            {
                layer.Initialize(device);
                foreach (var parameter in layer.Parameters)
                {
                    Assert.That(parameter.Gradient.Shape, Is.EqualTo(parameter.Value.Shape));
                    Assert.That(parameter.Gradient.ToArray<float>(), Is.All.Zero, parameter.Name);
                }
            }
        }
    }

    private static double[][] Values(Layer layer) =>
        [.. layer.Parameters.Select(p => p.Value.ToArray<double>())];
}
