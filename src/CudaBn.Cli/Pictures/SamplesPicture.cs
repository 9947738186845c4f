using CudaBn.Serialization;
using SkiaSharp;

namespace CudaBn.Cli;

/// <summary>samples.png: the first test images, each with the class the network gives it; a wrong one is framed and
/// written in red, with the true class below.</summary>
internal static class SamplesPicture
{
    private const int Columns = 8;
    private const int Rows = 5;
    private const int ImageSize = 112;
    private const int CellWidth = 144;
    private const int CellHeight = 168;
    private const int Margin = 24;
    private const int HeadHeight = 76;

    public static void Write(string path, ImageDataSplits data, Layer model, Normalization? normalization = null)
    {
        var images = data.Test.Take(Columns * Rows);
        using var loader = new DataLoader(images, images.Count, model.Device, normalization: normalization);
        var predicted = Predictions.Of(model, loader).Labels;
        AtomicFile.Write(path, stream =>
        {
            using var surface = Draw(data.Label(), images, predicted);
            using var image = surface.Snapshot();
            using var png = image.Encode(SKEncodedImageFormat.Png, 100);
            png.SaveTo(stream);
        });
    }

    private static SKSurface Draw(string dataset, ImageDataset images, int[] predicted)
    {
        var rows = (images.Count + Columns - 1) / Columns;
        var surface = SKSurface.Create(new SKImageInfo(
            (2 * Margin) + (Columns * CellWidth), HeadHeight + (rows * CellHeight) + Margin));
        var canvas = surface.Canvas;
        canvas.Clear(SKColors.White);
        DrawHead(canvas, dataset, images, predicted);
        // Grey images that are mostly black are printed as ink on paper: 0 is white.
        var isInk = images.Channels == 1 && images.ChannelMeans()[0] < 0.4;
        for (var i = 0; i < images.Count; i++)
        {
            canvas.Save();
            canvas.Translate(Margin + (i % Columns * CellWidth), HeadHeight + (i / Columns * CellHeight));
            DrawCell(canvas, images, i, predicted[i], isInk);
            canvas.Restore();
        }

        return surface;
    }

    private static void DrawHead(SKCanvas canvas, string dataset, ImageDataset images, int[] predicted)
    {
        var labels = images.Labels.ToArray();
        var right = predicted.Where((label, i) => label == labels[i]).Count();
        canvas.DrawText(
            CanvasText.Shortened(
                $"The first {images.Count} test images of {dataset}", Columns * CellWidth, 20, isBold: true),
            Margin + 16, 36, 20, Palette.Ink, isBold: true);
        canvas.DrawText(
            $"{right} named rightly, {images.Count - right} wrongly, in red with the true class in grey below",
            Margin + 16, 60, 14, Palette.Faint);
    }

    private static void DrawCell(SKCanvas canvas, ImageDataset images, int index, int predicted, bool isInk)
    {
        const float center = CellWidth / 2f;
        const float left = (CellWidth - ImageSize) / 2f;
        var truth = images.Labels.Span[index];
        var isRight = predicted == truth;
        var frame = SKRect.Create(left, 0, ImageSize, ImageSize);
        DrawImage(canvas, images, index, frame, isInk);
        DrawFrame(canvas, frame, isRight);
        canvas.DrawText(
            CanvasText.Shortened(images.ClassNames[predicted], CellWidth - 8, 14, isBold: !isRight), center, ImageSize + 20,
            14, isRight ? Palette.Ink : Palette.Red, isBold: !isRight, SKTextAlign.Center);
        if (!isRight)
            canvas.DrawText(
                CanvasText.Shortened($"is: {images.ClassNames[truth]}", CellWidth - 8, 12.5f), center, ImageSize + 37, 12.5f,
                Palette.Faint, isBold: false, SKTextAlign.Center);
    }

    private static void DrawImage(SKCanvas canvas, ImageDataset images, int index, SKRect frame, bool isInk)
    {
        var pixels = images.Image(index);
        var plane = images.Height * images.Width;
        var isRgb = images.Channels == 3;
        var colors = new byte[plane * 4];
        for (var i = 0; i < plane; i++)
        {
            for (var channel = 0; channel < 3; channel++)
            {
                var level = pixels[(isRgb ? channel * plane : 0) + i];
                colors[(4 * i) + channel] = isInk ? (byte)(255 - level) : level;
            }

            colors[(4 * i) + 3] = byte.MaxValue;
        }

        var info = new SKImageInfo(images.Width, images.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var image = SKImage.FromPixelCopy(info, colors);
        // The longer side fills the frame.
        var scale = frame.Width / Math.Max(images.Width, images.Height);
        var place = SKRect.Create(images.Width * scale, images.Height * scale);
        place.Offset(frame.MidX - place.MidX, frame.MidY - place.MidY);
        canvas.DrawImage(image, place, new SKSamplingOptions(SKFilterMode.Nearest));
    }

    private static void DrawFrame(SKCanvas canvas, SKRect frame, bool isRight)
    {
        using var paint = new SKPaint
        {
            Style = SKPaintStyle.Stroke,
            IsAntialias = true,
            StrokeWidth = isRight ? 1 : 4,
            Color = SKColor.Parse(isRight ? Palette.Grid : Palette.Red),
        };
        frame.Inflate(isRight ? 0 : 2, isRight ? 0 : 2);
        canvas.DrawRect(frame, paint);
    }
}
