using System.Globalization;
using CudaBn.Cli;
using ScottPlot;
using SkiaSharp;
using Palette = CudaBn.Cli.Palette;

namespace CudaBn.Bench;

/// <summary>The machine's roof, and every row of a device as a numbered dot under it; the numbers' names stand
/// beside.</summary>
/// <remarks>Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", 2009.</remarks>
public static class RooflinePicture
{
    private const int PlotWidth = 1100;
    private const int LegendWidth = 620;
    private const int LegendLine = 19;
    private const int LeastHeight = 860;
    private const float DotRadius = 5;
    private const float LabelSize = 13;

    public static void Write(SuiteResults results, string device, string path)
    {
        ArgumentNullException.ThrowIfNull(results);
        var limits = results.Limits[device];
        var rows = results.Rows.Where(row => row.Device == device && !row.IsPeer)
            .OrderBy(row => row.Work.Intensity).ToArray();
        if (rows.Length == 0)
            return;

        var height = Math.Max(LeastHeight, LegendLine * (rows.Length + 5));
        var plot = PlotOf(results, device, limits, rows);
        using var surface = SKSurface.Create(new SKImageInfo(PlotWidth + LegendWidth, height));
        surface.Canvas.Clear(SKColors.White);
        plot.Render(surface.Canvas, new PixelRect(0, PlotWidth, height, 0));
        DrawDots(surface.Canvas, plot, limits, rows);
        DrawLegend(surface.Canvas, limits, rows);
        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        using var file = File.Create(path);
        png.SaveTo(file);
    }

    private static Plot PlotOf(SuiteResults results, string device, MachineLimits limits, BenchmarkRow[] rows)
    {
        Typefaces.UseInPlots();
        var plot = new Plot();
        plot.RenderManager.ClearCanvasBeforeEachRender = false;
        // The versions of libraries, where a device has some, on a line of their own.
        plot.Title($"{device}: {results.Machine.Devices[device].Replace("; ", "\n", StringComparison.Ordinal)}", 18);
        plot.XLabel("arithmetic intensity, FLOP per byte that must be moved", 15);
        plot.YLabel("GFLOP/s", 15);
        plot.Axes.Color(Color.FromHex(Palette.Ink));
        plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Axes.Right.FrameLineStyle.Width = 0;
        foreach (var axis in new IAxis[] { plot.Axes.Bottom, plot.Axes.Left })
        {
            axis.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic
            {
                LabelFormatter = exponent => Math.Pow(10, exponent).ToString("0.#######", CultureInfo.InvariantCulture),
                MinorTickGenerator = new ScottPlot.TickGenerators.LogMinorTickGenerator(),
                IntegerTicksOnly = true,
            };
            axis.TickLabelStyle.FontSize = 13;
        }

        plot.Grid.MajorLineColor = Color.FromHex(Palette.Grid);
        double left = Math.Log10(rows.Min(row => row.Work.Intensity)) - 0.2;
        double right = Math.Max(Math.Log10(rows.Max(row => row.Work.Intensity)), Ridge(limits)) + 0.3;
        var top = Math.Log10(Math.Max(limits.GigaFlops, rows.Max(row => row.GigaFlops))) + 0.2;
        plot.Axes.SetLimits(left, right, Math.Log10(rows.Min(row => row.GigaFlops)) - 0.2, top);
        var roof = plot.Add.Scatter(
            (double[])[left, Ridge(limits), right],
            (double[])[
                left + Math.Log10(limits.GigaBytes), Math.Log10(limits.GigaFlops), Math.Log10(limits.GigaFlops),
            ]);
        roof.Color = Color.FromHex(Palette.Ink);
        roof.LineWidth = 2;
        roof.MarkerSize = 0;
        return plot;
    }

    /// <summary>Where the roof's two parts meet, as a power of ten.</summary>
    private static double Ridge(MachineLimits limits) => Math.Log10(limits.GigaFlops / limits.GigaBytes);

    private static void DrawDots(SKCanvas canvas, Plot plot, MachineLimits limits, BenchmarkRow[] rows)
    {
        using var font = new SKFont(Typefaces.Regular, LabelSize);
        using var line = new SKPaint { Color = SKColor.Parse(Palette.Faint), IsAntialias = true, StrokeWidth = 1 };
        var dots = rows.Select(row =>
        {
            var pixel = plot.GetPixel(new Coordinates(Math.Log10(row.Work.Intensity), Math.Log10(row.GigaFlops)));
            return new SKPoint(pixel.X, pixel.Y);
        }).ToArray();
        var taken = dots.Select(dot => new SKRect(
            dot.X - DotRadius, dot.Y - DotRadius, dot.X + DotRadius, dot.Y + DotRadius)).ToList();
        for (var i = 0; i < rows.Length; i++)
        {
            var text = $"{i + 1}";
            var width = font.MeasureText(text);
            var place = Place(dots[i], width, taken);
            taken.Add(place);
            canvas.DrawLine(dots[i], new SKPoint(place.MidX, place.MidY), line);
            using var white = new SKPaint { Color = SKColors.White };
            canvas.DrawRect(place, white);
            using var ink = new SKPaint { Color = SKColor.Parse(ColorOf(rows[i], limits)), IsAntialias = true };
            canvas.DrawText(text, place.MidX, place.Bottom - 2, SKTextAlign.Center, font, ink);
        }

        for (var i = 0; i < rows.Length; i++)
        {
            using var fill = new SKPaint { Color = SKColor.Parse(ColorOf(rows[i], limits)), IsAntialias = true };
            canvas.DrawCircle(dots[i], DotRadius, fill);
        }
    }

    /// <summary>The nearest free place for a label, around a dot in growing circles.</summary>
    private static SKRect Place(SKPoint dot, float width, List<SKRect> taken)
    {
        SKRect place = default;
        for (var radius = 14f; radius < 200; radius += 6)
        {
            for (var step = 0; step < 16; step++)
            {
                var (sine, cosine) = MathF.SinCos(step * MathF.Tau / 16 - MathF.PI / 4);
                place = SKRect.Create(
                    dot.X + radius * cosine - width / 2 - 2, dot.Y + radius * sine - LabelSize / 2, width + 4, LabelSize);
                if (!taken.Any(place.IntersectsWith))
                    return place;
            }
        }

        return place;
    }

    private static void DrawLegend(SKCanvas canvas, MachineLimits limits, BenchmarkRow[] rows)
    {
        using var regular = new SKFont(Typefaces.Regular, LabelSize);
        using var bold = new SKFont(Typefaces.Bold, LabelSize);
        using var ink = new SKPaint { Color = SKColor.Parse(Palette.Ink), IsAntialias = true };
        var y = 2f * LegendLine;
        foreach (var line in Heading(limits))
        {
            canvas.DrawText(line, PlotWidth + 10, y, SKTextAlign.Left, bold, ink);
            y += LegendLine;
        }

        for (var i = 0; i < rows.Length; i++)
        {
            var row = rows[i];
            using var color = new SKPaint { Color = SKColor.Parse(ColorOf(row, limits)), IsAntialias = true };
            var share = string.Create(CultureInfo.InvariantCulture, $"{100 * row.ShareOf(limits):F0}%");
            canvas.DrawText($"{i + 1}", PlotWidth + 36, y, SKTextAlign.Right, bold, color);
            canvas.DrawText(share, PlotWidth + 84, y, SKTextAlign.Right, bold, color);
            canvas.DrawText(
                $"{row.Operator} {row.Part}  {row.Shape}{(row.Mark(limits) is { Length: > 0 } mark ? $"  ({mark})" : "")}", PlotWidth + 94, y,
                SKTextAlign.Left, regular, ink);
            y += LegendLine;
        }
    }

    private static IEnumerable<string> Heading(MachineLimits limits) =>
    [
        string.Create(CultureInfo.InvariantCulture,
            $"roof: {limits.GigaFlops:F0} GFLOP/s of multiply-adds, {limits.GigaBytes:F1} GB/s of copying"),
        "blue: bound by memory; red: bound by compute; share of the roof",
    ];

    private static string ColorOf(BenchmarkRow row, MachineLimits limits) =>
        row.Work.IsComputeBound(limits) ? Palette.Red : Palette.Blue;
}
