using SkiaSharp;

namespace CudaBn.Tests.Cli;

/// <summary>Image files that tests write.</summary>
internal static class ImageFiles
{
    /// <summary>Writes an image of random colors, smooth enough for JPEG, and gives its pixels.</summary>
    public static SKColor[] Write(
        string path, int height, int width, int seed, SKEncodedImageFormat format = SKEncodedImageFormat.Png)
    {
        var random = new Random(seed);
        var (red, green, blue) = (random.Next(256), random.Next(256), random.Next(256));
        var pixels = new SKColor[height * width];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = new SKColor(
                (byte)((red + (3 * (i / width))) & 255), (byte)(green ^ (i % width)), (byte)((blue + i) & 127));
        Write(path, height, width, pixels, format);
        return pixels;
    }

    public static void Write(
        string path, int height, int width, SKColor[] pixels, SKEncodedImageFormat format = SKEncodedImageFormat.Png)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul))
        {
            Pixels = pixels,
        };
        using var data = bitmap.Encode(format, 100);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, data.ToArray());
    }

    /// <summary>Writes a set as ROOT/train and ROOT/test with a folder per class, each image [1, h, w] as a grey PNG.</summary>
    public static void WriteFolder(string root, ImageDataSplits data)
    {
        foreach (var (part, images) in new[] { ("train", data.Train), ("test", data.Test) })
        {
            for (var i = 0; i < images.Count; i++)
            {
                var name = images.ClassNames[images.Labels.Span[i]].Replace('/', ' ');
                var pixels = images.Image(i).ToArray();
                Write(
                    Path.Combine(root, part, name, $"{i:D5}.png"), images.Height, images.Width,
                    Array.ConvertAll(pixels, level => new SKColor(level, level, level)));
            }
        }
    }
}
