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
    public static float Width(string text, float size, bool isBold = false)
    {
        using var font = Font(size, isBold);
        return font.MeasureText(text);
    }

    /// <summary>A text, cut off with an ellipsis where it is wider than there is room.</summary>
    public static string Shortened(string text, float room, float size, bool isBold = false)
    {
        if (Width(text, size, isBold) <= room)
            return text;

        var letters = text.EnumerateRunes().ToList();
        var shortened = text;
        while (letters.Count > 0 && Width(shortened, size, isBold) > room)
        {
            letters.RemoveAt(letters.Count - 1);
            shortened = string.Concat(letters) + "…";
        }

        return shortened;
    }

    private static SKFont Font(float size, bool isBold) =>
        new(isBold ? Typefaces.Bold : Typefaces.Regular, size) { Subpixel = true };
}
