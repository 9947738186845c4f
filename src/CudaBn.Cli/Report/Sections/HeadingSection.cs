namespace CudaBn.Cli;

/// <summary>What was trained, on what and how, and what it came to.</summary>
internal static class HeadingSection
{
    public static void Write(HtmlText html, ReportContent content)
    {
        var run = content.Run;
        html.Add($"""
            <header id="run">
            <p class="state {Word(content.State)}">{StateOf(content)}</p>
            <h1>{Capitalized(run.Network)} on <bdi>{run.DataSet}</bdi></h1>

            """);
        if (content.StopReason is { } reason)
            html.Add($"""<p class="reason">{reason}</p>""");
        WriteResult(html, content);
        html.Add($"""
            <dl class="facts">
            <div><dt>Network</dt><dd>{run.Network}, {run.ParameterCount:N0} parameters, {run.Start} start</dd></div>
            <div><dt>Images</dt><dd><bdi>{run.DataSet}</bdi>: {run.TrainImages:N0} to train on, {run.TestImages:N0} to test on; {run.Images.ToString()}{Added(run.Preparation)}</dd></div>
            <div><dt>Recipe</dt><dd>{run.Epochs} epochs, {run.Recipe.ToString()}, seed {run.Seed}</dd></div>
            <div><dt>Device</dt><dd>{run.Device}</dd></div>
            <div><dt>Started</dt><dd><time datetime="{content.History.Started:yyyy-MM-ddTHH:mm:sszzz}">{content.History.Started:yyyy-MM-dd HH:mm} ({content.History.Started:zzz})</time>, took {Figures.Duration(content.History.Seconds)}</dd></div>
            <div><dt>Kept in</dt><dd><bdi>{run.Folder}</bdi></dd></div>
            </dl>
            <nav aria-label="Sections"><a href="#curves">Curves</a> <a href="#confusion">Confusion</a> <a href="#mistakes">Mistakes</a> <a href="#layers">Layers</a> <a href="#batch-norm">Batch norm</a></nav>
            </header>

            """);
    }

    private static void WriteResult(HtmlText html, ReportContent content)
    {
        if (content.Rows.Count == 0)
        {
            html.Add($"""<p class="none">No epoch was completed, so there is no result.</p>""");
            return;
        }

        var last = content.Rows[^1].Metrics;
        var best = content.Rows.Select(row => row.Metrics).MaxBy(epoch => epoch.TestAccuracy)!;
        var trained = content.Rows.Sum(row => row.Metrics.Seconds);
        html.Add($"""
            <dl class="result">
            <div class="main"><dt>Test accuracy</dt><dd>{Figures.Percent(last.TestAccuracy)}</dd><dd class="note">after epoch {last.Epoch}{(best == last ? ", the best" : Text.Of($"; best {Figures.Percent(best.TestAccuracy)} after epoch {best.Epoch}"))}</dd></div>
            <div><dt>Test loss</dt><dd>{Figures.Loss(last.TestLoss)}</dd><dd class="note">cross-entropy; {Figures.Loss(last.TrainLoss)} in training</dd></div>
            <div><dt>Training</dt><dd>{Figures.Duration(trained)}</dd><dd class="note">without evaluation; {last.ImagesPerSecond:N0} images/s in the last epoch</dd></div>
            </dl>

            """);
    }

    private static string Word(RunState state) => state switch
    {
        RunState.Finished => "finished",
        RunState.Interrupted => "interrupted",
        RunState.Stopped => "stopped",
        _ => "running",
    };

    private static string StateOf(ReportContent content)
    {
        var (done, all) = (content.Rows.Count == 0 ? 0 : content.Rows[^1].Metrics.Epoch, content.Run.Epochs);
        return content.State switch
        {
            RunState.Finished => Text.Of($"Finished: {done} of {all} epochs"),
            RunState.Interrupted => Text.Of($"Interrupted after {done} of {all} epochs"),
            RunState.Stopped => Text.Of($"Stopped by a value that is not finite, after {done} of {all} epochs"),
            _ => Text.Of($"Running: {done} of {all} epochs done"),
        };
    }

    private static string Capitalized(string name) => char.ToUpperInvariant(name[0]) + name[1..];

    private static string Added(string preparation) => preparation.Length == 0 ? "" : $", {preparation}";
}
