using NUnit.Framework;

namespace CudaBn.Tests.Core;

[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class SeedNetworkTests(Device device)
{
    [TestCase(true)]
    [TestCase(false)]
    public void Create_Has171128Parameters(bool notebookInitialization)
    {
        using var model = SeedNetwork.Create(notebookInitialization);
        model.Initialize(device);
        Assert.That(model.Parameters.Sum(p => p.Value.ElementCount), Is.EqualTo(171_128));
        Assert.That(model.State, Has.Count.EqualTo(12 + 2 * 3));
        Assert.That(model.Layers.Select(l => l.Name), Is.EqualTo(new[]
        {
            "conv1", "bn1", "relu1", "pool1", "conv2", "bn2", "relu2", "pool2", "flatten1", "fc1", "relu3", "fc2",
        }));
    }

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(33)]
    public void Forward_GivesTenLogitsPerImage(int batch)
    {
        using var model = SeedNetwork.Create();
        model.Initialize(device);
        using var x = Tensor.Zeros([batch, 1, 28, 28], DType.Float32, device);
        Assert.That(model.Forward(x).Shape, Is.EqualTo(new Shape(batch, 10)));
    }

    [Test]
    public void Create_NotebookInitialization_IsNormalWithBiasesZero()
    {
        using var model = SeedNetwork.Create();
        model.Initialize(device, DType.Float64, seed: 1);
        foreach (var parameter in model.Parameters)
        {
            var values = parameter.Value.ToArray<double>();
            if (parameter.Name.EndsWith("bias", StringComparison.Ordinal) && !parameter.Name.StartsWith("bn", StringComparison.Ordinal))
                Assert.That(values, Is.All.Zero, parameter.Name);
            else
                Assert.That(
                    Math.Sqrt(values.Average(v => v * v)),
                    Is.EqualTo(0.01).Within(0.01 * 4 / Math.Sqrt(2.0 * values.Length)), parameter.Name);
        }
    }
}
