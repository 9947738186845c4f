using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

/// <summary>Weights that PyTorch saved of another model than the one that loads them: everything that differs is
/// listed.</summary>
public class PyTorchMismatchTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Load_AnotherHead_ListsWhatIsMissingUnexpectedAndMisshapen()
    {
        var file = new PyTorchFile("float32.safetensors", _folder);
        using var model = new Sequential(
            new Conv2d(1, 4, kernel: 5, bias: false), new BatchNorm(4), new ReLU(), new MaxPool2d(2), new Conv2d(4, 6, kernel: 3),
            new BatchNorm(6), new ReLU(), new MaxPool2d(2), new Flatten(), new Linear(24, 12), new ReLU(), new Linear(12, 7),
            new Linear(7, 2));
        model.Initialize(Device.Cpu);

        var fault = Assert.Throws<InvalidDataException>(() => model.Load(file.Path))!;
        Assert.That(fault.Message, Does.EndWith(
            "not the weights of this model: missing: fc3.weight, fc3.bias; unexpected: conv1.bias; "
            + "of another shape: fc2.weight [5, 12] instead of [7, 12], fc2.bias [5] instead of [7]"));

        var loaded = model.Load(file.Path, strict: false);
        Assert.That(loaded.Missing, Is.EqualTo(new[] { "fc3.weight", "fc3.bias" }));
        Assert.That(loaded.Unexpected, Is.EqualTo(new[] { "conv1.bias" }));
        Assert.That(loaded.Misshapen.Select(mismatch => mismatch.Name), Is.EqualTo(new[] { "fc2.weight", "fc2.bias" }));
        var norm = model.Layers.OfType<BatchNorm>().First();
        Assert.That(norm.RunningMean!.ToDoubles(), Is.EqualTo(file["bn1.running_mean"]));
        Assert.That(norm.BatchesTracked!.ToArray<long>(), Is.EqualTo(new[] { 3L }));
    }

    [Test]
    public void Load_DoublesIntoSingles_AreListedByType()
    {
        var file = new PyTorchFile("float64.safetensors", _folder);
        using var model = PyTorchFile.CreateNetwork();
        model.Initialize(Device.Cpu);
        var fault = Assert.Throws<InvalidDataException>(() => model.Load(file.Path))!;
        Assert.That(fault.Message, Does.Contain("not the weights of this model: of another type: ")
            .And.Contain("conv1.weight F64 instead of F32").And.Not.Contains("num_batches_tracked"));
        // The counts of batches are whole numbers in either type.
        Assert.That(model.Load(file.Path, strict: false).Mistyped, Has.Count.EqualTo(model.State.Count - 2));
    }
}
