using CudaBn.Cli;
using CudaBn.Tests.Core;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class TrainedModelTests
{
    private static readonly ImageDataset _images =
        new("four", 3, 16, 8, new byte[4 * 3 * 16 * 8], new byte[] { 0, 1, 2, 1 }, ["a", "b", "c"]);

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCase(RunFolder.WeightsName)]
    [TestCase("moved.safetensors")]
    [TestCase("moved.npz")]
    public void Find_OfWeightsWithTheirRecord_KnowsNetworkImagesAndClasses(string name)
    {
        var isMovedAlone = name != RunFolder.WeightsName;
        var record = RunRecord.Of(
            ModelChoice.Resnet20, new DataSettings(DataSetChoice.Cifar10, null, null, ImageColor.Rgb, null), _images,
            new Normalization([0.1, 0.2, 0.3], [1, 2, 3]));
        using var model = ResNet20.Create(3, 3);
        model.Initialize(Device.Cpu, seed: 3);
        model.Save(
            _folder[name],
            isMovedAlone ? new Dictionary<string, string> { [RunRecord.MetadataKey] = record.ToJson() } : null);
        if (!isMovedAlone)
            record.Write(_folder[RunRecord.FileName]);

        var trained = TrainedModel.Find(_folder[name]);
        Assert.That(
            (trained.Choice, trained.Shape), Is.EqualTo((ModelChoice.Resnet20, new ImageShape(3, 16, 8, 3))));
        Assert.That(trained.ClassNames, Is.EqualTo(_images.ClassNames));
        Assert.That(trained.Normalization!.Stds, Is.EqualTo(new[] { 1.0, 2, 3 }));
        using var loaded = trained.Load(Device.Cpu, trained.Shape, out _);
        Assert.That(loaded.IsTraining, Is.False);
        Assert.That(
            loaded.Parameters[0].Value.ToArray<float>(), Is.EqualTo(model.Parameters[0].Value.ToArray<float>()));
    }

    [Test]
    public void Find_OfWeightsAlone_TakesThemForTheNotebooksUnlessAnotherNetworkIsNamed()
    {
        using var model = SeedNetwork.Create();
        model.Initialize(Device.Cpu);
        model.Save(_folder["w.safetensors"]);
        var trained = TrainedModel.Find(_folder["w.safetensors"]);
        Assert.That((trained.Choice, trained.Shape), Is.EqualTo((ModelChoice.Notebook, new ImageShape(1, 28, 28, 10))));
        Assert.That(trained.ClassNames, Is.EqualTo(FashionMnist.ClassNames));

        var other = TrainedModel.Find(_folder["w.safetensors"], ModelChoice.Resnet18);
        ErrorAssert.Throws<UsageException>(() => _ = other.Shape, "w.safetensors", "run.json");
        ErrorAssert.Throws<UsageException>(() => _ = other.ClassNames, "w.safetensors", "run.json");
    }

    [Test]
    public void Find_BrokenRecordWithin_NamesTheFile()
    {
        using var model = SeedNetwork.Create();
        model.Initialize(Device.Cpu);
        model.Save(
            _folder["w.safetensors"], new Dictionary<string, string> { [RunRecord.MetadataKey] = "{}" });
        ErrorAssert.Throws<InvalidDataException>(
            () => TrainedModel.Find(_folder["w.safetensors"]), "w.safetensors", "model: expected notebook");
    }
}
