namespace CudaBn.Cli;

/// <summary>How the running statistics of every batch normalization moved, channel by channel.</summary>
internal static class BatchNormSection
{
    // What the page shall hold of all layers together: a long run of a large network is shown at fewer epochs.
    private const int MostCells = 120_000;

    public static void Write(HtmlText html, ReportContent content)
    {
        html.Add($"""
            <section id="batch-norm">
            <h2>Batch normalization by channel</h2>

            """);
        var history = content.History;
        if (history.BatchNorms.Count == 0)
            html.Add($"""<p class="none">No layer of this network keeps running statistics.</p>""");
        else if (history.Epochs.Count == 0)
            html.Add($"""<p class="none">No epoch was completed.</p>""");
        else
            WriteLayers(html, history);
        html.Add($"</section>\n");
    }

    private static void WriteLayers(HtmlText html, RunHistory history)
    {
        var epochs = Thinned(history);
        html.Add($"""
            <p class="lead">Running mean and variance of every channel at the ends of epochs: a row is a channel, time runs to the right. Each picture has a scale of its own; point at it for values.</p>
            <div class="norms">

            """);
        for (var i = 0; i < history.BatchNorms.Count; i++)
        {
            var layer = i;
            var (name, channels) = history.BatchNorms[layer];
            html.Add($"""
                <figure class="norm">
                <figcaption><h3>{name}</h3> <span>{channels} channels</span></figcaption>

                """);
            int[] numbers = [.. epochs.Select(epoch => epoch.Epoch)];
            HeatMap.OfMeans(name, numbers, [.. epochs.Select(epoch => epoch.Means[layer])]).Write(html);
            HeatMap.OfVariances(name, numbers, [.. epochs.Select(epoch => epoch.Variances[layer])]).Write(html);
            html.Add($"</figure>\n");
        }

        html.Add($"</div>\n");
    }

    private static IReadOnlyList<RunHistory.EpochStatistics> Thinned(RunHistory history)
    {
        var cells = 2 * history.BatchNorms.Sum(norm => norm.Channels);
        var most = Math.Max(2, MostCells / cells);
        var stride = (history.Epochs.Count + most - 1) / most;
        return [.. history.Epochs.Where((_, i) => (history.Epochs.Count - 1 - i) % stride == 0)];
    }
}
