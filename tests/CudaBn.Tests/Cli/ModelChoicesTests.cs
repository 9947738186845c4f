using CudaBn.Cli;
using CudaBn.Tests.Core;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class ModelChoicesTests
{
    [Test]
    public void Create_EveryModel_MakesOneThatTakesItsImages()
    {
        foreach (var choice in Enum.GetValues<ModelChoice>())
        {
            using var model = choice.Create(new ImageShape(1, 28, 28, 10));
            model.Initialize(Device.Cpu);
            using var images = Tensor.Zeros([2, 1, 28, 28]);
            Assert.That(model.Forward(images).Shape, Is.EqualTo(new Shape(2, 10)), choice.Title());
        }
    }

    [TestCase("resnet20", 32, 32, 10, 272_474)]
    [TestCase("resnet18", 32, 24, 7, 11_172_423)]
    [TestCase("resnet18", 96, 97, 1000, 11_689_512)]
    public void ResidualNetworks_TakeImagesOfAnySize(string word, int height, int width, int classes, int weights)
    {
        using var model = Choices.Of<ModelChoice>(word)!.Value.Create(new ImageShape(3, height, width, classes));
        model.Initialize(Device.Cpu);
        using var image = Tensor.Zeros([1, 3, height, width]);
        model.IsTraining = false;

        Assert.That(model.Forward(image).Shape, Is.EqualTo(new Shape(1, classes)));
        Assert.That(model.Parameters.Sum(parameter => parameter.Value.ElementCount), Is.EqualTo(weights));
    }

    [TestCase(3, 32, 32, 10, "32x32 RGB images of 10 classes")]
    [TestCase(1, 28, 28, 9, "28x28 grey images of 9 classes")]
    [TestCase(2, 28, 27, 10, "28x27 2-channel images of 10 classes")]
    public void Notebook_OfOtherImages_IsRefused(int channels, int height, int width, int classes, string found) =>
        ErrorAssert.Throws<UsageException>(
            () => ModelChoice.Notebook.Create(new ImageShape(channels, height, width, classes)),
            "--model notebook", "expected 28x28 grey images of 10 classes", $"got {found}");

    [Test]
    public void Words_AreWhatIsTyped()
    {
        Assert.That(
            Choices.Words<DataSetChoice>(), Is.EqualTo(new[] { "fashion-mnist", "cifar10", "folder" }));
        Assert.That(Choices.Of<DataSetChoice>("cifar10"), Is.EqualTo(DataSetChoice.Cifar10));
        foreach (var word in new[] { "Cifar10", "cifar", "", null, "1" })
            Assert.That(Choices.Of<DataSetChoice>(word), Is.Null, word);
    }

    [TestCase("28", 28, 28)]
    [TestCase("1x4096", 1, 4096)]
    public void Size_IsOneNumberOrTwo(string text, int height, int width) =>
        Assert.That(Options.ParseSize(text), Is.EqualTo(new Size2d(height, width)));

    [TestCase("")]
    [TestCase("0")]
    [TestCase("4097")]
    [TestCase("28x")]
    [TestCase("x28")]
    [TestCase("2x3x4")]
    [TestCase("+5")]
    [TestCase(" 5")]
    [TestCase("5,5")]
    public void Size_OfOtherText_IsNone(string text) => Assert.That(Options.ParseSize(text), Is.Null);
}
