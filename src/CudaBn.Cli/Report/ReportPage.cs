namespace CudaBn.Cli;

/// <summary>The report as one page that loads nothing: a policy of its own forbids it to.</summary>
internal static class ReportPage
{
    private static readonly PageAsset _style = PageAsset.Load("report.css");
    private static readonly PageAsset _script = PageAsset.Load("report.js");

    public static string Of(ReportContent content)
    {
        var html = new HtmlText();
        var run = content.Run;
        html.Add($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src '{_style.Hash}'; script-src '{_script.Hash}'; base-uri 'none'; form-action 'none'">
            <link rel="icon" href="data:,">
            <title>{run.Network} on {run.DataSet}</title>
            <style>{_style.Content}</style>
            </head>
            <body>
            <main>

            """);
        HeadingSection.Write(html, content);
        CurvesSection.Write(html, content);
        ConfusionSection.Write(html, content);
        MistakesSection.Write(html, content);
        LayersSection.Write(html, content);
        BatchNormSection.Write(html, content);
        html.Add($"""
            </main>
            <footer>Written by CudaBn {RunDescription.Version}. This page is one file and loads nothing.</footer>
            <script>{_script.Content}</script>
            </body>
            </html>

            """);
        return html.ToString();
    }
}
