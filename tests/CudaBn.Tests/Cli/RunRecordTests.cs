using CudaBn.Cli;
using CudaBn.Tests.Core;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class RunRecordTests
{
    private const string Whole =
        """
        {"model":"notebook","dataSet":"folder","data":"/x","imageSize":"28x30","color":"grey",
        "channels":1,"height":28,"width":30,"classes":["a","b"],"means":[0.5],"stds":[2]}
        """;

    private static readonly ImageDataset _images = new("two", 2, 3, 1, new byte[12], new byte[] { 0, 1 }, ["a \"b\"", "c"]);

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Write_IsReadBeside()
    {
        var data = new DataSettings(DataSetChoice.Folder, _folder["images"], (28, 30), ImageColor.Grey, Limit: 7);
        RunRecord.Of(ModelChoice.Notebook, data, _images, new Normalization([0.1, 0.2], [0.3, 1.0 / 3])).Write(_folder["run.json"]);

        var record = RunRecord.Beside(_folder["model.safetensors"])!;
        // The limit is not kept: all images are evaluated unless a limit is asked for.
        Assert.That((record.ModelChoice, record.DataSettings), Is.EqualTo((ModelChoice.Notebook, data with { Limit = null })));
        Assert.That(record.Shape, Is.EqualTo(new ImageShape(2, 3, 1, 2)));
        Assert.That(record.Classes, Is.EqualTo(_images.ClassNames));
        Assert.That(record.Normalization!.Means, Is.EqualTo(new[] { 0.1, 0.2 }));
        Assert.That(record.Normalization.Stds, Is.EqualTo(new[] { 0.3, 1.0 / 3 }));
    }

    [Test]
    public void Write_Defaults_AreReadBack()
    {
        var data = new DataSettings(DataSetChoice.FashionMnist, null, null, ImageColor.Rgb, null);
        RunRecord.Of(ModelChoice.Notebook, data, _images, null).Write(_folder["run.json"]);
        var record = RunRecord.Beside(_folder["model.safetensors"])!;
        Assert.That((record.DataSettings, record.Normalization), Is.EqualTo((data, (Normalization?)null)));
    }

    [Test]
    public void Beside_OfOtherWeightsOrNone_IsNone()
    {
        Assert.That(RunRecord.Beside(_folder["model.safetensors"]), Is.Null);
        File.WriteAllText(_folder["run.json"], Whole);
        Assert.That(RunRecord.Beside(_folder["other.safetensors"]), Is.Null);
        Assert.That(RunRecord.Beside(_folder["model.safetensors"])!.DataSettings.ImageSize, Is.EqualTo(new Size2d(28, 30)));
    }

    [TestCase("\"notebook\"", "\"resnet0\"", "model: expected notebook", "resnet0")]
    [TestCase("\"folder\"", "\"Folder\"", "dataSet: expected fashion-mnist, cifar10 or folder", "'Folder'")]
    [TestCase("\"grey\"", "null", "color: expected rgb or grey", "''")]
    [TestCase("28x30", "28x", "imageSize: expected HEIGHTxWIDTH", "'28x'")]
    [TestCase("\"channels\":1,", "", "channels, height, width: expected positive numbers", "0, 28 and 30")]
    [TestCase("[\"a\",\"b\"]", "[]", "classes: expected 1 to 256 names", "found 0")]
    [TestCase("[\"a\",\"b\"]", "[null]", "classes: expected 1 to 256 names", "found 1")]
    [TestCase("[0.5]", "[0.5, 1]", "means: expected 1 numbers", "found 2")]
    [TestCase("[2]", "null", "means and stds", "one without the other")]
    [TestCase("[2]", "[0]", "deviation 0", "channel 0")]
    [TestCase("[2]", "[1,2]", "got 1 and 2", "Normalization")]
    [TestCase("{", "", "expected what a run was asked for", "")]
    [TestCase(Whole, "null", "expected what a run was asked for", "null")]
    [TestCase("\"notebook\"", "7", "expected what a run was asked for", "")]
    public void Beside_Broken_NamesFileAndValue(string part, string replacement, string expected, string found)
    {
        File.WriteAllText(_folder["run.json"], Whole.Replace(part, replacement));
        ErrorAssert.Throws<InvalidDataException>(
            () => RunRecord.Beside(_folder["model.safetensors"]), _folder["run.json"], expected, found);
    }
}
