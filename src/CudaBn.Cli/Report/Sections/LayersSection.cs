namespace CudaBn.Cli;

/// <summary>Where the time and the memory of a training step go.</summary>
internal static class LayersSection
{
    public static void Write(HtmlText html, ReportContent content)
    {
        html.Add($"""
            <section id="layers">
            <h2>Time and memory by layer</h2>

            """);
        if (content.Profile is { } profile)
            Write(html, content, profile);
        else
            html.Add($"""<p class="none">{content.NoProfile}</p>""");
        html.Add($"</section>\n");
    }

    private static void Write(HtmlText html, ReportContent content, StepProfile profile)
    {
        html.Add($"""
            <p class="lead">A step on {profile.BatchSize:N0} images takes {Figures.Milliseconds(profile.Total)} ms: the median of {profile.Passes} {(profile.Passes == 1 ? "pass" : "passes")} after one to warm up, measured when training was over, {profile.Method}.{Average(content)} Shares are those of the step.</p>
            <p class="keys"><span class="forward">forward</span> <span class="backward">backward</span> <span class="other">neither</span></p>
            <div class="scroll" role="region" aria-label="Time and memory by layer" tabindex="0">
            <table class="numbers layers">
            <thead><tr><th scope="col">layer</th><th scope="col" class="wide">parameters</th><th scope="col">output</th><th scope="col">forward ms</th><th scope="col">backward ms</th><th scope="col">share</th><td class="bar"></td></tr></thead>
            <tbody>

            """);
        var greatest = Math.Max(
            profile.Layers.Max(layer => layer.Seconds),
            new[] { profile.Batch, profile.Update, profile.LossForward + profile.LossBackward }.Max());
        WriteOther(html, "the batch, gathered", profile.Batch, profile.Total, greatest);
        foreach (var layer in profile.Layers)
            WriteLayer(html, layer, profile.Total, greatest);
        WriteLayer(
            html, new LayerCost("softmax, cross-entropy", 0, 0, profile.LossForward, profile.LossBackward), profile.Total, greatest);
        WriteOther(html, "update of all parameters", profile.Update, profile.Total, greatest);
        WriteTotal(html, profile);
        html.Add($"""
            </tbody>
            </table>
            </div>
            <p class="note">Output is what a layer hands on for this batch, which stays until its backward pass. Neighbours that run as one share a row; the row of a block counts what the rows of its parts leave.</p>

            """);
    }

    private static string Average(ReportContent content)
    {
        if (content.Rows.Count == 0)
            return "";
        var seconds = content.Rows[^1].Metrics.Seconds / content.StepsPerEpoch;
        return $" In the last epoch a step took {Figures.Milliseconds(seconds)} ms on average.";
    }

    private static void WriteLayer(HtmlText html, LayerCost layer, double total, double greatest)
    {
        html.Add($"""<tr><th scope="row">{Breakable(layer.Name)}{Narrow(layer.Parameters)}</th><td class="wide">{Count(layer.Parameters)}</td><td>{(layer.ActivationBytes == 0 ? "–" : Figures.Bytes(layer.ActivationBytes))}</td><td>{Figures.Milliseconds(layer.Forward)}</td><td>{Figures.Milliseconds(layer.Backward)}</td>""");
        WriteShare(html, layer.Seconds / total);
        html.Add($"""<rect class="forward" width="{100 * layer.Forward / greatest:0.##}%" height="10"/><rect class="backward" x="{100 * layer.Forward / greatest:0.##}%" width="{100 * layer.Backward / greatest:0.##}%" height="10"/></svg></td></tr>""");
        html.Add($"\n");
    }

    private static void WriteOther(HtmlText html, string name, double seconds, double total, double greatest)
    {
        html.Add($"""<tr class="aside"><th scope="row">{name}</th><td class="wide">–</td><td>–</td><td colspan="2">{Figures.Milliseconds(seconds)}</td>""");
        WriteShare(html, seconds / total);
        html.Add($"""<rect class="other" width="{100 * seconds / greatest:0.##}%" height="10"/></svg></td></tr>""");
        html.Add($"\n");
    }

    private static void WriteShare(HtmlText html, double share) =>
        html.Add($"""<td>{Figures.Percent(share)}</td><td class="bar"><svg width="100%" height="10" aria-hidden="true">""");

    private static void WriteTotal(HtmlText html, StepProfile profile) => html.Add($"""
        <tr class="total"><th scope="row">together{Narrow(profile.Layers.Sum(layer => layer.Parameters))}</th><td class="wide">{Count(profile.Layers.Sum(layer => layer.Parameters))}</td><td>{Figures.Bytes(profile.Layers.Sum(layer => layer.ActivationBytes))}</td><td>{Figures.Milliseconds(profile.Layers.Sum(layer => layer.Forward) + profile.LossForward)}</td><td>{Figures.Milliseconds(profile.Layers.Sum(layer => layer.Backward) + profile.LossBackward)}</td><td>100%</td><td class="bar"></td></tr>

        """);

    // On a narrow page the number of parameters stands below the name, not in a column of its own.
    private static HtmlMarkup Narrow(long parameters) => new(
        parameters == 0 ? "" : Text.Of($"""<small class="narrow"> {parameters:N0} parameters</small>"""));

    // A path may be broken behind its dots.
    private static HtmlMarkup Breakable(string path)
    {
        var html = new HtmlText();
        html.Add($"{path}");
        return new HtmlMarkup(html.ToString().Replace(".", ".<wbr>", StringComparison.Ordinal));
    }

    private static string Count(long parameters) => parameters == 0 ? "–" : Text.Of($"{parameters:N0}");
}
