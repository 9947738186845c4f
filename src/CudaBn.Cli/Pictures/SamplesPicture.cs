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

    public static void Write(string path, ImageDataSplits data, Layer model)
    {
        var images = data.Test.Take(Columns * Rows);
        using var loader = new DataLoader(images, images.Count, model.Device);
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
        for (var i = 0; i < images.Count; i++)
        {
            canvas.Save();
            canvas.Translate(Margin + (i % Columns * CellWidth), HeadHeight + (i / Columns * CellHeight));
            DrawCell(canvas, images, i, predicted[i]);
            canvas.Restore();
        }

        return surface;
    }

    private static void DrawHead(SKCanvas canvas, string dataset, ImageDataset images, int[] predicted)
    {
        var labels = images.Labels.ToArray();
        var right = predicted.Where((label, i) => label == labels[i]).Count();
        canvas.DrawText(
            $"The first {images.Count} test images of {dataset}", Margin + 16, 36, 20, Palette.Ink, isBold: true);
        canvas.DrawText(
            $"{right} named rightly, {images.Count - right} wrongly, in red with the true class in grey below",
            Margin + 16, 60, 14, Palette.Faint);
    }

    private static void DrawCell(SKCanvas canvas, ImageDataset images, int index, int predicted)
    {
        const float center = CellWidth / 2f;
        const float left = (CellWidth - ImageSize) / 2f;
        var truth = images.Labels.Span[index];
        var isRight = predicted == truth;
        var frame = SKRect.Create(left, 0, ImageSize, ImageSize);
        DrawImage(canvas, images, index, frame);
        DrawFrame(canvas, frame, isRight);
        canvas.DrawText(
            images.ClassNames[predicted], center, ImageSize + 20, 14, isRight ? Palette.Ink : Palette.Red,
            isBold: !isRight, SKTextAlign.Center);
        if (!isRight)
            canvas.DrawText(
                $"is: {images.ClassNames[truth]}", center, ImageSize + 37, 12.5f, Palette.Faint, isBold: false,
                SKTextAlign.Center);
    }

    private static void DrawImage(SKCanvas canvas, ImageDataset images, int index, SKRect frame)
    {
        // Printed as ink on paper: 0 is white.
        var pixels = images.Image(index)[..(images.Height * images.Width)].ToArray();
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(255 - pixels[i]);
        var info = new SKImageInfo(images.Width, images.Height, SKColorType.Gray8, SKAlphaType.Opaque);
        using var image = SKImage.FromPixelCopy(info, pixels);
        canvas.DrawImage(image, frame, new SKSamplingOptions(SKFilterMode.Nearest));
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
