using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using NUnit.Framework;
using SkiaSharp;

namespace CudaBn.Tests.Cli;

public class PicturesTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Typefaces_AreTheEmbeddedOnes()
    {
        Assert.That((Typefaces.Regular.FamilyName, Typefaces.Regular.IsBold), Is.EqualTo(("DejaVu Sans", false)));
        Assert.That((Typefaces.Bold.FamilyName, Typefaces.Bold.IsBold), Is.EqualTo(("DejaVu Sans", true)));
        foreach (var letter in "T-shirt/top 0123456789.%^,'()")
            Assert.That(Typefaces.Regular.ContainsGlyph(letter), Is.True, $"{letter}");
    }

    [Test]
    public void Text_LeavesInk()
    {
        using var bitmap = new SKBitmap(200, 40);
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(SKColors.White);
        canvas.DrawText("Ankle boot", 10, 30, 20, Palette.Ink);

        var width = CanvasText.Width("Ankle boot", 20);
        Assert.That(width, Is.InRange(80, 150));
        Assert.That(bitmap.Pixels.Count(pixel => pixel.Red < 128), Is.InRange(100, 2000));
        Assert.That(bitmap.Pixels.Where((_, i) => i % 200 > 12 + width), Is.All.EqualTo(SKColors.White));
    }

    [TestCase(1)]
    [TestCase(10)]
    [TestCase(1000)]
    public void Plots_HoldBothCurvesAndLabels(int epochs)
    {
        var rows = Enumerable.Range(1, epochs).Select(epoch => Row(epoch, 1.0 / epoch)).ToArray();
        CurvesPicture.Write(_folder["curves.png"], "some images", rows);
        NotebookBugPicture.Write(_folder["bug.png"], "some images", rows);

        AssertPlot("curves.png", 1400, 600);
        AssertPlot("bug.png", 1200, 700);
    }

    [Test]
    public void Plots_OfARunThatDiverged_AreWritten()
    {
        CurvesPicture.Write(
            _folder["curves.png"], "some images", [Row(1, 2), Row(2, double.NaN), Row(3, double.PositiveInfinity)]);
        AssertPlot("curves.png", 1400, 600);
        CurvesPicture.Write(_folder["none.png"], "some images", [Row(1, double.NaN)]);
        Assert.That(File.Exists(_folder["none.png"]), Is.True);
    }

    [TestCase(1)]
    [TestCase(40)]
    [TestCase(100)]
    public void Samples_MarkTheWrongOnesInRed(int count)
    {
        var data = DrawnGarments.Create(1, count);
        using var model = SeedNetwork.Create();
        model.Initialize(Device.Cpu, seed: 1);
        using var loader = new DataLoader(data.Test.Take(40), 256);
        var predicted = Predictions.Of(model, loader).Labels;
        var anyWrong = predicted.Where((label, i) => label != data.Test.Labels.Span[i]).Any();
        SamplesPicture.Write(_folder["samples.png"], data, model);

        using var picture = SKBitmap.Decode(_folder["samples.png"]);
        Assert.That(picture.Width, Is.EqualTo(1200));
        var red = SKColor.Parse(Palette.Red);
        Assert.That(picture.Pixels.Contains(red), Is.EqualTo(anyWrong));
        if (count > 1)
            Assert.That(anyWrong, Is.True, "an untrained network names some images wrongly");
    }

    [Test]
    public void Samples_InColor_HoldTheirColors()
    {
        // Two images, wide ones: left half orange, right half teal.
        byte[] image = [255, 255, 0, 0, 128, 128, 128, 128, 0, 0, 128, 128];
        var images = new ImageDataset(
            "wide", 3, 1, 4, image.Concat(image).ToArray(),
            new byte[] { 0, 1 }, ["a", "a class whose name goes on and on beyond the edge of its picture"]);
        var data = new ImageDataSplits("wide", "here", images, images, IsBuiltIn: false);
        using var model = new Sequential(new Flatten(), new Linear(12, 2));
        model.Initialize(Device.Cpu, seed: 1);
        SamplesPicture.Write(_folder["samples.png"], data, model);

        using var picture = SKBitmap.Decode(_folder["samples.png"]);
        var pixels = picture.Pixels;
        foreach (var color in new SKColor[] { new(255, 128, 0), new(0, 128, 128) })
            Assert.That(pixels.Count(pixel => pixel == color), Is.GreaterThan(2 * 50 * 24), $"{color}");
    }

    [Test]
    public void Shortened_FitsTheRoom()
    {
        const string name = "a class whose name goes on and on";
        Assert.That(CanvasText.Shortened(name, 1000, 14), Is.EqualTo(name));
        foreach (var room in new[] { 20, 60, 136 })
        {
            var shortened = CanvasText.Shortened(name, room, 14);
            Assert.That(shortened, Does.EndWith("…").And.StartsWith(name[..(shortened.Length - 1)]));
            Assert.That(CanvasText.Width(shortened, 14), Is.LessThanOrEqualTo(room));
        }
    }

    private void AssertPlot(string name, int width, int height)
    {
        using var picture = SKBitmap.Decode(_folder[name]);
        Assert.That((picture.Width, picture.Height), Is.EqualTo((width, height)));
        var pixels = picture.Pixels;
        Assert.That(pixels, Does.Contain(SKColor.Parse(Palette.Blue)).And.Contain(SKColor.Parse(Palette.Red)));
        Assert.That(pixels.Count(pixel => pixel == SKColor.Parse(Palette.Ink)), Is.GreaterThan(300), "letters");
        Assert.That(pixels.Count(pixel => pixel == SKColors.White), Is.GreaterThan(width * height / 2));
    }

    private static EpochRow Row(int epoch, double loss) =>
        new(new EpochMetrics(epoch, loss, 0.7, 1.2 * loss, 0.6, 1, 1000), new Evaluation(9, 0.5));
}
