using System.Globalization;
using CudaBn.Serialization;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace CudaBn.Cli;

/// <summary>A plot of curves over epochs, styled as all pictures of a run.</summary>
internal sealed class EpochPlot
{
    private const int Border = 14;
    private const int ValueLabels = 12;
    private const int MostEpochLabels = 15;

    // More of them run into each other.
    private const int MostMarkers = 60;

    // Keeps a flat curve from filling the picture with its last digits.
    private const double LeastMargin = 0.02;

    private readonly List<double> _drawn = [];
    private readonly List<PlotLegendItem> _legend = [];

    public EpochPlot(string title, string valueName, int epochs)
    {
        Plot = PicturePlot.Create(labelSize: 14);
        Plot.Title(title, 19);
        Plot.XLabel("epoch", 16);
        Plot.YLabel(valueName, 16);
        Plot.Axes.Bottom.TickGenerator = new NumericManual(WholeEpochs(epochs));
        Plot.Axes.SetLimitsX(0.5, epochs + 0.5);
    }

    private Plot Plot { get; }

    /// <summary>Adds a curve; values that are no numbers, as of a run that diverged, are left out.</summary>
    public void Add(string name, string color, MarkerShape marker, IEnumerable<(int Epoch, double Value)> points)
    {
        var finite = points.Where(point => double.IsFinite(point.Value)).ToArray();
        _drawn.AddRange(finite.Select(point => point.Value));
        var curve = Plot.Add.Scatter(
            finite.Select(point => (double)point.Epoch).ToArray(), finite.Select(point => point.Value).ToArray());
        _legend.Add(new PlotLegendItem(name, color, marker));
        curve.Color = Color.FromHex(color);
        curve.LineWidth = 2.5f;
        curve.MarkerShape = marker;
        curve.MarkerSize = finite.Length <= MostMarkers ? 8 : 0;
    }

    /// <summary>Fits the value axis to losses.</summary>
    public void FitLosses() => Fit(greatest: double.MaxValue, "0.##");

    /// <summary>Fits the value axis to shares of 1, written in percent.</summary>
    public void FitShares() => Fit(greatest: 1, "0.#%");

    /// <summary>Writes plots side by side as one PNG file, whole or not at all.</summary>
    public static void Write(string path, int width, int height, params ReadOnlySpan<EpochPlot> plots)
    {
        using var surface = SKSurface.Create(new SKImageInfo(width, height));
        surface.Canvas.Clear(SKColors.White);
        var each = (width - (float)Border) / plots.Length;
        for (var i = 0; i < plots.Length; i++)
        {
            var left = Border + (i * each);
            var right = left + each - Border;
            var bottom = height - Border - PlotLegend.Height;
            plots[i].Plot.Render(surface.Canvas, new PixelRect(left, right, bottom, Border));
            PlotLegend.Draw(surface.Canvas, (left + right) / 2, height - Border, plots[i]._legend);
        }

        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        AtomicFile.Write(path, png.SaveTo);
    }

    private void Fit(double greatest, string format)
    {
        var (low, high) = _drawn.Count == 0 ? (0, 1) : (_drawn.Min(), _drawn.Max());
        var margin = Math.Max(0.08 * (high - low), LeastMargin);
        Plot.Axes.SetLimitsY(Math.Max(0, low - margin), Math.Min(greatest, high + margin));
        Plot.Axes.Left.TickGenerator = new NumericAutomatic
        {
            TargetTickCount = ValueLabels,
            LabelFormatter = value => value.ToString(format, CultureInfo.InvariantCulture),
        };
    }

    private static Tick[] WholeEpochs(int epochs)
    {
        var step = Strides.For(epochs, MostEpochLabels);
        return [.. Enumerable.Range(1, epochs).Where(epoch => epoch % step == 0)
            .Select(epoch => new Tick(epoch, Text.Of($"{epoch}")))];
    }
}
