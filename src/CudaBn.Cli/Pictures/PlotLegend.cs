using ScottPlot;
using SkiaSharp;

namespace CudaBn.Cli;

/// <summary>The names of curves in a row below their plot, where they hide no point.</summary>
internal static class PlotLegend
{
    /// <summary>Room to leave below a plot.</summary>
    public const int Height = 34;

    private const float TextSize = 16;
    private const float LineLength = 30;
    private const float Gap = 8;
    private const float BetweenItems = 32;
    private const float MarkerSize = 9;

    /// <summary>Draws the names, centered.</summary>
    public static void Draw(SKCanvas canvas, float center, float bottom, IReadOnlyList<PlotLegendItem> items)
    {
        var widths = items.Select(item => LineLength + Gap + CanvasText.Width(item.Name, TextSize)).ToArray();
        var x = center - ((widths.Sum() + (BetweenItems * (items.Count - 1))) / 2);
        var y = bottom - (Height / 2f);
        for (var i = 0; i < items.Count; i++)
        {
            DrawSymbol(canvas, x, y, items[i]);
            canvas.DrawText(items[i].Name, x + LineLength + Gap, y + (TextSize * 0.36f), TextSize, Palette.Ink);
            x += widths[i] + BetweenItems;
        }
    }

    private static void DrawSymbol(SKCanvas canvas, float x, float y, PlotLegendItem item)
    {
        using var paint = new SKPaint { Color = SKColor.Parse(item.Color), IsAntialias = true, StrokeWidth = 2.5f };
        canvas.DrawLine(x, y, x + LineLength, y, paint);
        var middle = x + (LineLength / 2);
        if (item.Marker == MarkerShape.FilledCircle)
            canvas.DrawCircle(middle, y, MarkerSize / 2, paint);
        else
            canvas.DrawRect(middle - (MarkerSize / 2), y - (MarkerSize / 2), MarkerSize, MarkerSize, paint);
    }
}
