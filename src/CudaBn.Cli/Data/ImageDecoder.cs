using System.Runtime.InteropServices;
using SkiaSharp;

namespace CudaBn.Cli;

/// <summary>Decodes PNG and JPEG files to bytes [channels, height, width] of one size.</summary>
/// <remarks>Colors are taken as the file has them: without its color profile, and without the orientation that a camera
/// noted, as torchvision does. What is transparent is blended into black. Grey is the luma of ITU-R BT.601.</remarks>
internal sealed class ImageDecoder
{
    /// <summary>The most pixels that a file may hold: 256 MB decoded, on every thread.</summary>
    public const long MostPixels = 64L << 20;

    private const int BytesPerPixel = 4;

    private readonly bool _isExact;

    /// <param name="size">The size of all images.</param>
    /// <param name="color">The channels.</param>
    /// <param name="isExact">Whether an image of another size is an error; else it is scaled until it covers the size, and its
    /// middle is taken.</param>
    public ImageDecoder(Size2d size, ImageColor color, bool isExact)
    {
        (Size, _isExact) = (size, isExact);
        Channels = color == ImageColor.Grey ? 1 : 3;
    }

    public Size2d Size { get; }

    public int Channels { get; }

    /// <summary>Bytes per image.</summary>
    public int ByteCount => checked(Channels * Size.Height * Size.Width);

    /// <summary>The size of an image, from the head of its file.</summary>
    /// <exception cref="InvalidDataException">The file is no image.</exception>
    public static Size2d SizeOf(string path)
    {
        using var codec = Open(path);
        return (codec.Info.Height, codec.Info.Width);
    }

    /// <summary>Decodes a file.</summary>
    /// <exception cref="InvalidDataException">The file is no PNG or JPEG, is damaged or cut short, has another size than it
    /// must, or more than <see cref="MostPixels"/> pixels.</exception>
    public void Decode(string path, Span<byte> destination)
    {
        using var codec = Open(path);
        var (height, width) = (codec.Info.Height, codec.Info.Width);
        if (_isExact && (height, width) != (Size.Height, Size.Width))
            throw new InvalidDataException(
                $"{path}: expected an image of {Size}, as the first, found {height}x{width}; --image-size brings all to one "
                + "size.");
        if ((long)height * width > MostPixels)
            throw new InvalidDataException(
                $"{path}: expected an image of at most {MostPixels} pixels, found {height}x{width}.");

        // Without a color space, so that none is converted to another.
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul, null);
        var pixels = new byte[info.BytesSize];
        var handle = GCHandle.Alloc(pixels, GCHandleType.Pinned);
        SKCodecResult result;
        try
        {
            result = codec.GetPixels(info, handle.AddrOfPinnedObject());
        }
        finally
        {
            handle.Free();
        }

        if (result != SKCodecResult.Success)
            throw new InvalidDataException($"{path}: expected a whole PNG or JPEG image, found a broken one ({result}).");
        Convert(pixels, height, width, destination);
    }

    private static SKCodec Open(string path)
    {
        // Opened here, for Skia does not tell a missing file from a broken one.
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        // The codec owns the stream from here on, even where there is none.
        var codec = SKCodec.Create(stream, out var result);
        if (codec is not null && codec.EncodedFormat is SKEncodedImageFormat.Png or SKEncodedImageFormat.Jpeg)
            return codec;

        var found = codec is null ? $"neither ({result})" : $"{codec.EncodedFormat}";
        codec?.Dispose();
        stream.Dispose();
        throw new InvalidDataException($"{path}: expected a PNG or JPEG image, found {found}.");
    }

    private void Convert(byte[] pixels, int height, int width, Span<byte> destination)
    {
        var plane = new byte[checked(height * width)];
        for (var channel = 0; channel < Channels; channel++)
        {
            for (var i = 0; i < plane.Length; i++)
            {
                var pixel = pixels.AsSpan(i * BytesPerPixel, BytesPerPixel);
                plane[i] = Channels == 1 ? Luma(pixel[0], pixel[1], pixel[2]) : pixel[channel];
            }

            var target = destination.Slice(channel * Size.Height * Size.Width, Size.Height * Size.Width);
            CoveringResize.Run(plane, height, width, target, Size);
        }
    }

    // In 16-bit fixed point, as Pillow has it, so that grey stays itself.
    private static byte Luma(byte red, byte green, byte blue) =>
        (byte)(((19595 * red) + (38470 * green) + (7471 * blue) + 0x8000) >> 16);
}
