using SkiaSharp;

namespace CudaBn.Cli;

/// <summary>Pictures as PNG files within a page.</summary>
internal static class InlinePicture
{
    /// <summary>The longer side of an image of a data set, at most: more would not be seen.</summary>
    private const int LongestSide = 112;

    /// <summary>The address of a picture of [height, width] colors.</summary>
    public static string Of(int width, int height, ReadOnlySpan<SKColor> colors)
    {
        var bytes = new byte[colors.Length * 4];
        for (var i = 0; i < colors.Length; i++)
            (bytes[4 * i], bytes[(4 * i) + 1], bytes[(4 * i) + 2], bytes[(4 * i) + 3]) =
                (colors[i].Red, colors[i].Green, colors[i].Blue, colors[i].Alpha);
        using var image = SKImage.FromPixelCopy(
            new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul), bytes);
        return Encoded(image);
    }

    /// <summary>The address of an image of a data set: RGB where it has three channels, else the first one in grey; made
    /// smaller where it is large.</summary>
    public static string Of(ImageDataset images, int index)
    {
        var pixels = images.Image(index);
        var plane = images.Height * images.Width;
        using var image = images.Channels == 3
            ? Rgb(pixels, plane, images.Width, images.Height)
            : SKImage.FromPixelCopy(
                new SKImageInfo(images.Width, images.Height, SKColorType.Gray8, SKAlphaType.Opaque), pixels[..plane]);
        var scale = (double)LongestSide / Math.Max(images.Width, images.Height);
        if (scale >= 1)
            return Encoded(image);

        using var smaller = new SKBitmap(image.Info.WithSize(
            Math.Max(1, (int)Math.Round(scale * images.Width)), Math.Max(1, (int)Math.Round(scale * images.Height))));
        image.ScalePixels(smaller.PeekPixels(), new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        using var scaled = SKImage.FromBitmap(smaller);
        return Encoded(scaled);
    }

    private static SKImage Rgb(ReadOnlySpan<byte> planes, int plane, int width, int height)
    {
        var bytes = new byte[plane * 4];
        for (var i = 0; i < plane; i++)
            (bytes[4 * i], bytes[(4 * i) + 1], bytes[(4 * i) + 2], bytes[(4 * i) + 3]) =
                (planes[i], planes[plane + i], planes[(2 * plane) + i], byte.MaxValue);
        return SKImage.FromPixelCopy(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque), bytes);
    }

    private static string Encoded(SKImage image)
    {
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        return $"data:image/png;base64,{Convert.ToBase64String(png.AsSpan())}";
    }
}
