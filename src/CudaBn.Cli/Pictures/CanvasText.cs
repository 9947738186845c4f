using SkiaSharp;

namespace CudaBn.Cli;

/// <summary>Text on a picture, in the letters of all pictures.</summary>
internal static class CanvasText
{
    public static void DrawText(
        this SKCanvas canvas,
        string text,
        float x,
        float y,
        float size,
        string color,
        bool isBold = false,
        SKTextAlign align = SKTextAlign.Left)
    {
        using var font = Font(size, isBold);
        using var paint = new SKPaint { Color = SKColor.Parse(color), IsAntialias = true };
        canvas.DrawText(text, x, y, align, font, paint);
    }

    /// <summary>How wide a text is.</summary>
    public static float Width(string text, float size)
    {
        using var font = Font(size, isBold: false);
        return font.MeasureText(text);
    }

    private static SKFont Font(float size, bool isBold) =>
        new(isBold ? Typefaces.Bold : Typefaces.Regular, size) { Subpixel = true };
}
