using ScottPlot;

namespace CudaBn.Cli;

/// <summary>Plots in the style of all pictures, with nothing in them yet.</summary>
internal static class PicturePlot
{
    /// <param name="labelSize">The size of the numbers at the axes.</param>
    public static Plot Create(int labelSize)
    {
        Typefaces.UseInPlots();
        var plot = new Plot();
        plot.HideLegend();
        // Plots share a canvas.
        plot.RenderManager.ClearCanvasBeforeEachRender = false;
        plot.Axes.Color(Color.FromHex(Palette.Ink));
        plot.Grid.MajorLineColor = Color.FromHex(Palette.Grid);
        plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Axes.Right.FrameLineStyle.Width = 0;
        plot.Axes.Bottom.TickLabelStyle.FontSize = labelSize;
        plot.Axes.Left.TickLabelStyle.FontSize = labelSize;
        return plot;
    }
}
