using ScottPlot;

namespace CudaBn.Cli;

/// <summary>curves.png: loss and accuracy of every epoch, on the training and on the test images.</summary>
internal static class CurvesPicture
{
    private const int Width = 1400;
    private const int Height = 600;

    public static void Write(string path, string dataset, IReadOnlyList<EpochRow> rows)
    {
        var last = rows[^1].Metrics;
        var loss = new EpochPlot($"Loss, {dataset}", "mean cross-entropy", last.Epoch);
        loss.Add(
            Text.Of($"train, {last.TrainLoss:F3} at last"), Palette.Blue, MarkerShape.FilledCircle,
            Of(rows, epoch => epoch.TrainLoss));
        loss.Add(
            Text.Of($"test, {last.TestLoss:F3} at last"), Palette.Red, MarkerShape.FilledSquare,
            Of(rows, epoch => epoch.TestLoss));
        loss.FitLosses();

        var accuracy = new EpochPlot($"Accuracy, {dataset}", "images classified rightly", last.Epoch);
        accuracy.Add(
            Text.Of($"train, {100 * last.TrainAccuracy:F1}% at last"), Palette.Blue, MarkerShape.FilledCircle,
            Of(rows, epoch => epoch.TrainAccuracy));
        accuracy.Add(
            Text.Of($"test, {100 * last.TestAccuracy:F1}% at last"), Palette.Red, MarkerShape.FilledSquare,
            Of(rows, epoch => epoch.TestAccuracy));
        accuracy.FitShares();

        EpochPlot.Write(path, Width, Height, loss, accuracy);
    }

    private static IEnumerable<(int Epoch, double Value)> Of(
        IEnumerable<EpochRow> rows, Func<EpochMetrics, double> value) =>
        rows.Select(row => (row.Metrics.Epoch, value(row.Metrics)));
}
