using System.Globalization;
using CudaBn.Serialization;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace CudaBn.Cli;

/// <summary>What <c>cudabn inspect --plot</c> draws: a histogram of every tensor, each with axes of its own.</summary>
internal static class HistogramsPicture
{
    private const int Margin = 24;
    private const int HeadHeight = 76;
    private const int PanelWidth = 320;
    private const int PanelHeight = 230;
    private const int PanelHead = 46;
    private const int Gap = 16;

    // What still fits a picture that programs open.
    private const int MostPanels = 600;

    /// <summary>Writes the picture, whole or not at all.</summary>
    /// <param name="path">The PNG file; an older one is replaced.</param>
    /// <param name="file">Where the tensors are.</param>
    /// <param name="tensors">Its tensors.</param>
    /// <exception cref="IOException">The picture cannot be written.</exception>
    /// <exception cref="InvalidDataException">The file is broken.</exception>
    public static void Write(string path, ITensorFile file, IReadOnlyList<InspectedTensor> tensors)
    {
        var drawn = tensors.Take(MostPanels).ToList();
        // About four to three.
        var columns = Math.Clamp((int)Math.Ceiling(Math.Sqrt(drawn.Count)), 2, 24);
        var rows = Math.Max(1, (drawn.Count + columns - 1) / columns);
        using var surface = SKSurface.Create(new SKImageInfo(
            (2 * Margin) + (columns * PanelWidth) + ((columns - 1) * Gap),
            HeadHeight + (rows * (PanelHeight + Gap)) + Margin - Gap));
        var canvas = surface.Canvas;
        canvas.Clear(SKColors.White);
        DrawHead(canvas, file, tensors, drawn.Count, columns);
        for (var i = 0; i < drawn.Count; i++)
        {
            canvas.Save();
            canvas.Translate(Margin + (i % columns * (PanelWidth + Gap)), HeadHeight + (i / columns * (PanelHeight + Gap)));
            DrawPanel(canvas, drawn[i], Histogram.Of(file, drawn[i].Entry, drawn[i].Statistics));
            canvas.Restore();
        }

        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        AtomicFile.Write(path, png.SaveTo);
    }

    private static void DrawHead(
        SKCanvas canvas, ITensorFile file, IReadOnlyList<InspectedTensor> tensors, int drawn, int columns)
    {
        var room = (columns * (PanelWidth + Gap)) - Gap;
        canvas.DrawText(
            CanvasText.Shortened($"Values in {Path.GetFileName(file.Path)}", room, 20, isBold: true), Margin, 36, 20,
            Palette.Ink, isBold: true);
        var totals = InspectionReport.Sums.Of(tensors);
        var what = drawn < tensors.Count
            ? Text.Of($"the first {drawn:N0} of {totals.Tensors:N0} tensors")
            : Text.Of($"{totals.Tensors:N0} tensors");
        canvas.DrawText(
            CanvasText.Shortened(
                Text.Of($"{what}, {totals.Values:N0} values; bars count values, every panel has its own axes"), room, 14),
            Margin, 60, 14, Palette.Faint);
    }

    private static void DrawPanel(SKCanvas canvas, InspectedTensor tensor, Histogram? histogram)
    {
        canvas.DrawText(
            CanvasText.Shortened(tensor.Entry.Name, PanelWidth, 14, isBold: true), 0, 16, 14, Palette.Ink, isBold: true);
        var faults = Faults(tensor.Statistics);
        var room = PanelWidth - (faults.Length == 0 ? 0 : CanvasText.Width(faults, 12) + 12);
        canvas.DrawText(
            CanvasText.Shortened(
                $"{tensor.Entry.DType} [{string.Join(", ", tensor.Entry.Shape)}]"
                + (tensor.Statistics.Norm is { } norm ? $", norm {Number(norm)}" : ""),
                room, 12),
            0, 34, 12, Palette.Faint);
        canvas.DrawText(faults, PanelWidth, 34, 12, Palette.Red, isBold: false, SKTextAlign.Right);
        if (histogram is null)
        {
            canvas.DrawText(
                NoValues(tensor.Statistics), PanelWidth / 2f,
                PanelHead + ((PanelHeight - PanelHead) / 2f), 14, Palette.Faint, isBold: false, SKTextAlign.Center);
            return;
        }

        PlotOf(histogram).Render(canvas, new PixelRect(0, PanelWidth, PanelHeight, PanelHead));
    }

    private static string NoValues(TensorStatistics statistics) =>
        !statistics.AreRead ? "a type that is not read" : statistics.Count == 0 ? "no values" : "no finite values";

    private static string Faults(TensorStatistics statistics) => (statistics.NaNs, statistics.Infinities) switch
    {
        (0, 0) => "",
        (var nans, 0) => Text.Of($"{nans:N0} NaN"),
        (0, var infinities) => Text.Of($"{infinities:N0} infinite"),
        var (nans, infinities) => Text.Of($"{nans:N0} NaN, {infinities:N0} infinite"),
    };

    private static Plot PlotOf(Histogram histogram)
    {
        var plot = PicturePlot.Create(labelSize: 11);
        // Counts are whole, and so are the values of intervals around integers.
        plot.Axes.Bottom.TickGenerator = Ticks(4, value => histogram.Width == 1 ? Whole(value) : Number(value));
        plot.Axes.Left.TickGenerator = Ticks(3, Whole);

        plot.Add.Bars(histogram.Counts.Select((count, i) => new Bar
        {
            Position = histogram.Low + ((i + 0.5) * histogram.Width),
            Value = count,
            Size = histogram.Width,
            FillColor = Color.FromHex(Palette.Blue),
            LineWidth = 0,
        }).ToArray());
        // A bar alone is not a wall.
        var margin = (histogram.Counts.Length == 1 ? 2 : 0.03) * (histogram.High - histogram.Low);
        plot.Axes.SetLimits(
            histogram.Low - margin, histogram.High + margin, 0, 1.08 * histogram.Counts.Max());
        return plot;
    }

    private static NumericAutomatic Ticks(int count, Func<double, string> label) => new()
    {
        TargetTickCount = count,
        LabelFormatter = label,
    };

    private static string Number(double value) => value.ToString(
        Math.Abs(value) is 0 or (>= 1e-3 and < 1e6) ? "#,0.####" : "G4", CultureInfo.InvariantCulture);

    private static string Whole(double value) =>
        double.IsInteger(value) ? value.ToString("N0", CultureInfo.InvariantCulture) : "";
}
