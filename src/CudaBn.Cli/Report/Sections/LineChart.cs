using System.Text;

namespace CudaBn.Cli;

/// <summary>Curves over epochs as SVG that grows with the page while its letters keep their size: positions are in percent,
/// and only the lines are stretched.</summary>
/// <param name="title">What is shown.</param>
/// <param name="unit">What a value is.</param>
/// <param name="format">How a value is written.</param>
/// <param name="epochs">The epochs that have a value, in their order.</param>
/// <param name="series">The curves.</param>
internal sealed class LineChart(
    string title, string unit, Func<double, string> format, IReadOnlyList<int> epochs, IReadOnlyList<ChartSeries> series)
{
    // More of them run into each other.
    private const int MostMarkers = 40;
    private const int MostEpochLabels = 8;

    private readonly Axis _axis = Axis.Of(series.SelectMany(curve => curve.Values));

    public void Write(HtmlText html)
    {
        html.Add($"""
            <figure class="chart">
            <figcaption><h3>{title}</h3><p class="unit">{unit}</p><ul class="legend">
            """);
        foreach (var curve in series)
            html.Add(
                $"""<li class="{curve.Look}"><svg class="key" width="22" height="10" aria-hidden="true"><line x1="0" x2="22" y1="5" y2="5"/>{Marker(curve, "11", "5")}</svg>{curve.Name} <b>{format(curve.Values[^1])}</b></li>""");
        html.Add($"""
            </ul></figcaption>
            <div class="plot"><svg role="img" width="100%" height="100%" aria-label="{Summary()}">

            """);
        WriteGrid(html);
        foreach (var curve in series)
            WriteCurve(html, curve);
        WriteEpochs(html);
        html.Add($"""
            </svg></div>
            </figure>

            """);
    }

    private string Summary() => $"{title} by epoch. " + string.Join("; ", series.Select(curve =>
        $"{curve.Name}: {format(curve.Values[0])} in epoch {Text.Of($"{epochs[0]}")}, {format(curve.Values[^1])} in epoch {Text.Of($"{epochs[^1]}")}")) + ".";

    private void WriteGrid(HtmlText html)
    {
        html.Add($"""<g class="grid" aria-hidden="true">""");
        foreach (var tick in _axis.Ticks)
        {
            var y = Percent(Height(tick));
            html.Add($"""<line x1="0" x2="100%" y1="{y}" y2="{y}"/><text class="value" x="-8" y="{y}" dy=".32em">{TickText(tick)}</text>""");
        }

        html.Add($"""<text class="value" x="-8" y="100%" dy="20">epoch</text>""");
        var stride = Strides.For(epochs[^1] - epochs[0] + 1, MostEpochLabels);
        foreach (var epoch in epochs.Where(epoch => epoch % stride == 0 || epochs.Count == 1))
            html.Add($"""<text class="epoch" x="{Percent(Across(epoch))}" y="100%" dy="20">{epoch}</text>""");
        html.Add($"</g>\n");
    }

    // A step of a tenth of a percent needs a decimal, one of ten percent none.
    private string TickText(double tick) =>
        format(0.5).EndsWith('%') ? Text.Of($"{100 * tick:0.##}%") : Text.Of($"{tick:0.####}");

    private void WriteCurve(HtmlText html, ChartSeries curve)
    {
        html.Add($"""<g class="{curve.Look}"><svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%" overflow="visible" aria-hidden="true">""");
        foreach (var line in Unbroken(curve))
            html.Add($"""<polyline points="{line}"/>""");
        html.Add($"</svg>");
        for (var i = 0; i < epochs.Count && epochs.Count <= MostMarkers; i++)
        {
            if (double.IsFinite(curve.Values[i]))
                html.Add(Marker(curve, Percent(Across(epochs[i])), Percent(Height(curve.Values[i]))));
        }

        html.Add($"</g>\n");
    }

    private List<string> Unbroken(ChartSeries curve)
    {
        var lines = new List<string>();
        var line = new StringBuilder();
        for (var i = 0; i <= epochs.Count; i++)
        {
            if (i < epochs.Count && double.IsFinite(curve.Values[i]))
            {
                line.Append(Text.Of($"{1000 * Across(epochs[i]):0.#},{1000 * Height(curve.Values[i]):0.#} "));
            }
            else if (line.Length > 0)
            {
                lines.Add(line.ToString(0, line.Length - 1));
                line.Clear();
            }
        }

        return lines;
    }

    // A column for every epoch, which tells its values to whoever points at it.
    private void WriteEpochs(HtmlText html)
    {
        html.Add($"""<g class="columns" aria-hidden="true">""");
        for (var i = 0; i < epochs.Count; i++)
        {
            var from = i == 0 ? 0 : (Across(epochs[i - 1]) + Across(epochs[i])) / 2;
            var to = i == epochs.Count - 1 ? 1 : (Across(epochs[i]) + Across(epochs[i + 1])) / 2;
            html.Add($"""<rect x="{Percent(from)}" width="{Percent(to - from)}" height="100%"><title>epoch {epochs[i]}""");
            foreach (var curve in series)
                html.Add($"\n{curve.Name} {format(curve.Values[i])}");
            html.Add($"</title></rect>");
        }

        html.Add($"</g>\n");
    }

    private static HtmlMarkup Marker(ChartSeries curve, string x, string y) => new(curve.Look == "train"
        ? $"""<circle cx="{x}" cy="{y}" r="3"/>"""
        : $"""<rect x="{x}" y="{y}" width="6" height="6" transform="translate(-3 -3)"/>""");

    private double Across(int epoch) =>
        epochs.Count == 1 ? 0.5 : 0.015 + (0.97 * (epoch - epochs[0]) / (epochs[^1] - epochs[0]));

    private double Height(double value) => 1 - ((value - _axis.From) / (_axis.To - _axis.From));

    private static string Percent(double share) => Text.Of($"{100 * share:0.##}%");
}
