using CudaBn.Cli;
using CudaBn.Tests.Core;
using CudaBn.Tests.Data;
using NUnit.Framework;
using SkiaSharp;

namespace CudaBn.Tests.Cli;

public class ImageFolderTests
{
    private TestFolder _folder = null!;

    private string Root => _folder["flowers"];

    [SetUp]
    public void MakeFolder() => _folder = new TestFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Load_TakesTurnsOfTheClassesInOrdinalOrder()
    {
        string[] names =
        [
            "train/rose/b.png", "train/rose/B.png", "train/rose/a10.png", "train/rose/a2.png", "train/Tulip/z.png",
            "train/Tulip/y.PNG", "test/rose/q.png", "test/Tulip/q.png",
        ];
        var pixels = names.Select((name, i) => ImageFiles.Write(Path.Combine(Root, name), 3, 5, i)).ToArray();

        var folder = Open();
        var data = folder.Load(CancellationToken.None);

        Assert.That((data.Name, data.Source, data.IsBuiltIn), Is.EqualTo(("flowers", Root, false)));
        Assert.That(data.Train.ClassNames, Is.EqualTo(new[] { "Tulip", "rose" }));
        Assert.That((folder.Shape, folder.ByteCount), Is.EqualTo((new ImageShape(3, 3, 5, 2), 8L * 45)));
        Assert.That(data.Train.Labels.ToArray(), Is.EqualTo(new byte[] { 0, 1, 0, 1, 1, 1 }));
        Assert.That(data.Test.Labels.ToArray(), Is.EqualTo(new byte[] { 0, 1 }));
        int[] order = [5, 1, 4, 2, 3, 0];
        for (var i = 0; i < order.Length; i++)
            Assert.That(data.Train.Image(i).ToArray(), Is.EqualTo(Planes(pixels[order[i]])), $"image {i}");
        Assert.That(data.Test.Image(1).ToArray(), Is.EqualTo(Planes(pixels[6])));
    }

    [Test]
    public void Load_Grey_IsLuma()
    {
        PutTwoClasses();
        SKColor[] colors = [SKColors.Red, SKColors.Lime, SKColors.Blue, new(77, 77, 77), SKColors.White, SKColors.Black];
        ImageFiles.Write(Path.Combine(Root, "train/a/0.png"), 2, 3, colors);
        var data = Open(color: ImageColor.Grey).Load(CancellationToken.None);
        Assert.That(data.Train.Channels, Is.EqualTo(1));
        Assert.That(data.Train.Image(0).ToArray(), Is.EqualTo(new byte[] { 76, 150, 29, 77, 255, 0 }));
    }

    [Test]
    public void Load_Transparent_IsBlendedIntoBlack()
    {
        PutTwoClasses();
        var transparent = Enumerable.Repeat(new SKColor(200, 100, 50, 0), 6).ToArray();
        transparent[1] = new SKColor(200, 100, 50, 255);
        ImageFiles.Write(Path.Combine(Root, "train/a/0.png"), 2, 3, transparent);
        var image = Open().Load(CancellationToken.None).Train.Image(0).ToArray();
        Assert.That(image, Is.EqualTo(new byte[] { 0, 200, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 50, 0, 0, 0, 0 }));
    }

    [Test]
    public void Load_Jpeg_IsNearItsPixels()
    {
        PutTwoClasses();
        var grey = Enumerable.Range(0, 6).Select(i => new SKColor((byte)(100 + i), (byte)(100 + i), (byte)(100 + i))).ToArray();
        ImageFiles.Write(Path.Combine(Root, "train/a/1.jpeg"), 2, 3, grey, SKEncodedImageFormat.Jpeg);
        var image = Open().Load(CancellationToken.None).Train.Image(2).ToArray();
        Assert.That(image, Is.EqualTo(Planes(grey)).Using<byte>((x, y) => Math.Abs(x - y) <= 2));
    }

    [Test]
    public void Load_MixedSizes_AreRefusedOrBroughtToOne()
    {
        PutTwoClasses();
        var odd = Path.Combine(Root, "train", "b", "0.png");
        ImageFiles.Write(odd, 5, 4, 1);
        ErrorAssert.Throws<InvalidDataException>(
            () => Open().Load(CancellationToken.None), odd, "an image of 2x3", "found 5x4", "--image-size");

        var data = Open((4, 2)).Load(CancellationToken.None);
        Assert.That((data.Train.Height, data.Train.Width), Is.EqualTo((4, 2)));
        Assert.That(data.Train.Image(0).Length, Is.EqualTo(24));
    }

    [Test]
    public void Load_ManyImages_KeepTheirOrder([Values] bool isGrey)
    {
        var expected = new List<byte>();
        for (var i = 0; i < 120; i++)
        {
            var level = (byte)(2 * i);
            ImageFiles.Write(
                Path.Combine(Root, $"train/one/{i:D3}.png"), 1, 1, [new SKColor(level, level, level)]);
            expected.AddRange(Enumerable.Repeat(level, isGrey ? 1 : 3));
        }

        ImageFiles.Write(Path.Combine(Root, "test/one/0.png"), 1, 1, 0);
        Assert.That(
            Open(color: isGrey ? ImageColor.Grey : ImageColor.Rgb).Load(CancellationToken.None).Train.Images.ToArray(),
            Is.EqualTo(expected));
    }

    [Test]
    public void Open_Limit_TakesTheFirstOfAllClasses()
    {
        PutTwoClasses(perClass: 3);
        var folder = ImageFolder.Open(Root, null, ImageColor.Rgb, limit: 3);
        var data = folder.Load(CancellationToken.None);
        Assert.That(data.Train.Labels.ToArray(), Is.EqualTo(new byte[] { 0, 1, 0 }));
        Assert.That(folder.ByteCount, Is.EqualTo(6 * 18));
    }

    [Test]
    public void Open_WithoutTest_TakesVal()
    {
        PutTwoClasses();
        Directory.Move(Path.Combine(Root, "test"), Path.Combine(Root, "val"));
        Assert.That(Open().Load(CancellationToken.None).Test.Count, Is.EqualTo(2));
    }

    [Test]
    public void Open_HiddenAndOtherFiles_ArePassedOver()
    {
        PutTwoClasses();
        foreach (var name in new[] { "train/.hidden/x.png", "train/a/.0.png", "train/a/.git/x", "test/.DS_Store" })
            _folder.Write($"flowers/{name}", [1]);
        foreach (var name in new[] { "train/labels.csv", "train/a/notes.txt", "test/b/Thumbs.db", "readme.md" })
            _folder.Write($"flowers/{name}", [1]);
        var folder = Open();
        Assert.That(folder.OtherFiles, Is.EqualTo(3));
        Assert.That(folder.Load(CancellationToken.None).Train.Count, Is.EqualTo(2));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Links need rights there.")]
    public void Open_SymbolicLinks_AreFollowed()
    {
        PutTwoClasses();
        var pixels = ImageFiles.Write(_folder["elsewhere/x.png"], 2, 3, 9);
        Directory.CreateSymbolicLink(Path.Combine(Root, "train", "c"), _folder["elsewhere"]);
        Directory.CreateDirectory(Path.Combine(Root, "test", "c"));
        File.CreateSymbolicLink(Path.Combine(Root, "test", "c", "link.png"), _folder["elsewhere/x.png"]);
        var data = Open().Load(CancellationToken.None);
        Assert.That(data.Train.Image(2).ToArray(), Is.EqualTo(Planes(pixels)));
        Assert.That(data.Test.Image(2).ToArray(), Is.EqualTo(Planes(pixels)));
    }

    [Test]
    public void Open_FoldersThatAreNotThere_AreNamed()
    {
        ErrorAssert.Throws<DirectoryNotFoundException>(() => Open(), Root);
        Directory.CreateDirectory(Root);
        ErrorAssert.Throws<DirectoryNotFoundException>(() => Open(), Path.Combine(Root, "train"), "test (or val)");
        ImageFiles.Write(Path.Combine(Root, "train/a/0.png"), 1, 1, 0);
        ErrorAssert.Throws<DirectoryNotFoundException>(() => Open(), Path.Combine(Root, "test"));
    }

    [Test]
    public void Open_ClassesThatDoNotFit_AreNamed()
    {
        Directory.CreateDirectory(Path.Combine(Root, "train"));
        ErrorAssert.Throws<InvalidDataException>(() => Open(), Path.Combine(Root, "train"), "1 to 256 classes, found 0");

        PutTwoClasses();
        Directory.CreateDirectory(Path.Combine(Root, "train", "c"));
        ErrorAssert.Throws<InvalidDataException>(() => Open(), Path.Combine(Root, "train", "c"), "found none");
        ImageFiles.Write(Path.Combine(Root, "train/c/0.png"), 2, 3, 0);
        ErrorAssert.Throws<InvalidDataException>(() => Open(), Path.Combine(Root, "test"), "no folder 'c'");
        ImageFiles.Write(Path.Combine(Root, "test/c/0.png"), 2, 3, 0);
        ImageFiles.Write(Path.Combine(Root, "test/d/0.png"), 2, 3, 0);
        ErrorAssert.Throws<InvalidDataException>(() => Open(), Path.Combine(Root, "test"), "found 'd' too");
        Directory.CreateDirectory(Path.Combine(Root, "train", "a", "inner"));
        ErrorAssert.Throws<InvalidDataException>(() => Open(), Path.Combine(Root, "train", "a", "inner"), "found a folder");
    }

    [Test]
    public void Open_MoreClassesThanALabelTells_Throws()
    {
        for (var i = 0; i < 257; i++)
            _folder.Write($"flowers/train/{i:D3}/0.png", [1]);
        ErrorAssert.Throws<InvalidDataException>(() => Open(), Path.Combine(Root, "train"), "256 classes, found 257");
    }

    [Test]
    public void Open_MoreBytesThanAnArrayHas_IsRefusedBeforeAnythingIsDecoded()
    {
        PutTwoClasses(perClass: 30);
        ErrorAssert.Throws<InvalidDataException>(
            () => Open((4096, 4096)), Path.Combine(Root, "train"), "60 images of 4096x4096 take 3019898880 bytes",
            "--image-size");
    }

    [TestCase("text")]
    [TestCase("empty")]
    [TestCase("cut png")]
    [TestCase("cut jpeg")]
    [TestCase("webp")]
    public void Load_BrokenFile_IsNamed(string kind)
    {
        PutTwoClasses();
        var path = Path.Combine(Root, "train", "b", "1.png");
        ImageFiles.Write(path, 64, 64, 3, kind switch
        {
            "cut jpeg" => SKEncodedImageFormat.Jpeg,
            "webp" => SKEncodedImageFormat.Webp,
            _ => SKEncodedImageFormat.Png,
        });
        var whole = File.ReadAllBytes(path);
        if (kind != "webp")
            File.WriteAllBytes(path, kind switch
            {
                "text" => "not an image"u8.ToArray(),
                "empty" => [],
                _ => whole[..(whole.Length / 2)],
            });
        ErrorAssert.Throws<InvalidDataException>(
            () => Open((8, 8)).Load(CancellationToken.None), path, "expected a", "PNG or JPEG image, found");
    }

    [Test]
    public void Load_SeveralBrokenFiles_NamesTheFirst()
    {
        PutTwoClasses(perClass: 40);
        for (var i = 7; i < 40; i++)
            _folder.Write($"flowers/train/b/{i:D3}.png", [1, 2, 3]);
        for (var repetition = 0; repetition < 5; repetition++)
            ErrorAssert.Throws<InvalidDataException>(
                () => Open().Load(CancellationToken.None), Path.Combine(Root, "train", "b", "007.png"));
    }

    [Test]
    public void Load_Cancelled_Stops()
    {
        PutTwoClasses();
        Assert.That(
            () => Open().Load(new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());
    }

    private ImageFolder Open(Size2d? size = null, ImageColor color = ImageColor.Rgb) =>
        ImageFolder.Open(Root, size, color, limit: null);

    private void PutTwoClasses(int perClass = 1)
    {
        foreach (var name in new[] { "train/a", "train/b", "test/a", "test/b" })
        {
            for (var i = 0; i < perClass; i++)
                ImageFiles.Write(Path.Combine(Root, name, perClass == 1 ? "0.png" : $"{i:D3}.png"), 2, 3, i);
        }
    }

    private static byte[] Planes(SKColor[] pixels) =>
    [
        .. pixels.Select(pixel => pixel.Red), .. pixels.Select(pixel => pixel.Green), .. pixels.Select(pixel => pixel.Blue),
    ];
}
