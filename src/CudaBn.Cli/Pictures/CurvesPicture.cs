using ScottPlot;

namespace CudaBn.Cli;

/// <summary>curves.png: loss and accuracy of every epoch, on the training and on the test images.</summary>
internal static class CurvesPicture
{
    private const int Width = 1400;
    private const int Height = 600;

    public static void Write(string path, string dataset, IReadOnlyList<EpochRow> rows)
    {
        var epochs = rows[^1].Metrics.Epoch;
        var loss = new EpochPlot($"Loss, {dataset}", "mean cross-entropy", epochs);
        loss.Add("train", Palette.Blue, MarkerShape.FilledCircle, Of(rows, epoch => epoch.TrainLoss));
        loss.Add("test", Palette.Red, MarkerShape.FilledSquare, Of(rows, epoch => epoch.TestLoss));
        loss.FitLosses(Alignment.UpperRight);

        var last = rows[^1].Metrics;
        var accuracy = new EpochPlot($"Accuracy, {dataset}", "images classified rightly", epochs);
        accuracy.Add(
            Text.Of($"train, {100 * last.TrainAccuracy:F1}% at last"), Palette.Blue, MarkerShape.FilledCircle,
            Of(rows, epoch => epoch.TrainAccuracy));
        accuracy.Add(
            Text.Of($"test, {100 * last.TestAccuracy:F1}% at last"), Palette.Red, MarkerShape.FilledSquare,
            Of(rows, epoch => epoch.TestAccuracy));
        accuracy.FitShares(Alignment.LowerRight);

        var picture = new Multiplot();
        picture.Reset(loss.Plot);
        picture.AddPlot(accuracy.Plot);
        picture.Layout = new ScottPlot.MultiplotLayouts.Columns();
        EpochPlot.Save(picture.Render(Width, Height), path);
    }

    private static IEnumerable<(int Epoch, double Value)> Of(
        IEnumerable<EpochRow> rows, Func<EpochMetrics, double> value) =>
        rows.Select(row => (row.Metrics.Epoch, value(row.Metrics)));
}
