using ScottPlot;

namespace CudaBn.Cli;

/// <summary>notebook-bug.png: test accuracy with the right running statistics, and with those that the notebook's
/// broken line leaves: mean 0 and variance 0.9^t.</summary>
internal static class NotebookBugPicture
{
    private const int Width = 1200;
    private const int Height = 700;

    public static void Write(string path, string dataset, IReadOnlyList<EpochRow> rows)
    {
        var last = rows[^1];
        var right = last.Metrics.TestAccuracy;
        var broken = last.NotebookBug!.Value.Accuracy;
        var loss = Text.Of($"{100 * right:F1}% becomes {100 * broken:F1}% after {rows.Count} epochs");
        var plot = new EpochPlot(
            $"One broken line in batch normalization: {loss}",
            $"test accuracy, {dataset}", last.Metrics.Epoch);
        plot.Add(
            "right: running statistics follow the batches", Palette.Blue, MarkerShape.FilledCircle,
            rows.Select(row => (row.Metrics.Epoch, row.Metrics.TestAccuracy)));
        plot.Add(
            "notebook: mean 0 and variance 0.9^t after t batches", Palette.Red, MarkerShape.FilledSquare,
            rows.Select(row => (row.Metrics.Epoch, row.NotebookBug!.Value.Accuracy)));
        plot.FitShares();
        EpochPlot.Write(path, Width, Height, plot);
    }
}
