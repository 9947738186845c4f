namespace CudaBn.Cli;

/// <summary>Loss and accuracy of every epoch, as curves and as a table.</summary>
internal static class CurvesSection
{
    // More are told apart neither by eye nor by finger.
    private const int MostPoints = 400;

    public static void Write(HtmlText html, ReportContent content)
    {
        html.Add($"""
            <section id="curves">
            <h2>Loss and accuracy</h2>

            """);
        if (content.Rows.Count == 0)
        {
            html.Add($"""<p class="none">No epoch was completed.</p>""");
        }
        else
        {
            html.Add($"""<div class="charts">""");
            var rows = Thinned(content.Rows);
            Chart("Loss", "mean cross-entropy per image", Figures.Loss, rows, epoch => epoch.TrainLoss, epoch => epoch.TestLoss,
                bug => bug.Loss).Write(html);
            Chart("Accuracy", "share of the images named rightly", Figures.Percent, rows, epoch => epoch.TrainAccuracy,
                epoch => epoch.TestAccuracy, bug => bug.Accuracy).Write(html);
            html.Add($"</div>\n");
            WriteTable(html, content.Rows);
        }

        html.Add($"</section>\n");
    }

    private static LineChart Chart(
        string title, string unit, Func<double, string> format, IReadOnlyList<EpochRow> rows, Func<EpochMetrics, double> train,
        Func<EpochMetrics, double> test, Func<Evaluation, double> bug)
    {
        var series = new List<ChartSeries>
        {
            new("train", "train", [.. rows.Select(row => train(row.Metrics))]),
            new("test", "test", [.. rows.Select(row => test(row.Metrics))]),
        };
        if (rows.Any(row => row.NotebookBug is not null))
            series.Add(new(
                "test, notebook's statistics", "bug", [.. rows.Select(row => row.NotebookBug is { } value ? bug(value) : double.NaN)]));
        return new LineChart(title, unit, format, [.. rows.Select(row => row.Metrics.Epoch)], series);
    }

    private static IReadOnlyList<EpochRow> Thinned(IReadOnlyList<EpochRow> rows)
    {
        var stride = (rows.Count + MostPoints - 1) / MostPoints;
        return [.. rows.Where((_, i) => (rows.Count - 1 - i) % stride == 0)];
    }

    private static void WriteTable(HtmlText html, IReadOnlyList<EpochRow> rows)
    {
        html.Add($"""
            <details>
            <summary>All numbers</summary>
            <div class="scroll" role="region" aria-label="Table of epochs" tabindex="0">
            <table class="numbers">
            <thead><tr><th scope="col">epoch</th><th scope="col">train loss</th><th scope="col">test loss</th><th scope="col">train accuracy</th><th scope="col">test accuracy</th><th scope="col">seconds</th></tr></thead>
            <tbody>

            """);
        foreach (var row in Thinned(rows))
        {
            var epoch = row.Metrics;
            html.Add($"""
                <tr><th scope="row">{epoch.Epoch}</th><td>{Figures.Loss(epoch.TrainLoss)}</td><td>{Figures.Loss(epoch.TestLoss)}</td><td>{Figures.Percent(epoch.TrainAccuracy)}</td><td>{Figures.Percent(epoch.TestAccuracy)}</td><td>{epoch.Seconds:F2}</td></tr>

                """);
        }

        html.Add($"""
            </tbody>
            </table>
            </div>
            </details>

            """);
    }
}
