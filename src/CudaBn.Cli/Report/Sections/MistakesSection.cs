namespace CudaBn.Cli;

/// <summary>The test images that the network is most wrong about.</summary>
internal static class MistakesSection
{
    public static void Write(HtmlText html, ReportContent content)
    {
        html.Add($"""
            <section id="mistakes">
            <h2>Worst mistakes</h2>

            """);
        if (content.Outcome is not { } outcome)
            html.Add($"""<p class="none">{content.NoOutcome}</p>""");
        else if (outcome.Worst.Count == 0)
            html.Add($"""<p class="none">Not one test image is named wrongly.</p>""");
        else
            WriteImages(html, content.Test, outcome);
        html.Add($"</section>\n");
    }

    private static void WriteImages(HtmlText html, ImageDataset images, TestOutcome outcome)
    {
        html.Add($"""
            <p class="lead">The test images named wrongly with the greatest loss after epoch {outcome.Epoch}: the least probability for what they are.</p>
            <ul class="mistakes">

            """);
        // Grey images that are mostly black are printed as ink on paper where the paper is white.
        var look = images.Channels != 3 && images.ChannelMeans()[0] < 0.4 ? "pixels ink" : "pixels";
        foreach (var mistake in outcome.Worst)
        {
            var (truth, given) = (images.ClassNames[mistake.Truth], images.ClassNames[mistake.Given]);
            html.Add($"""
                <li><div class="frame"><img class="{look}" src="{InlinePicture.Of(images, mistake.Image)}" width="96" height="{(int)Math.Round(96.0 * images.Height / images.Width)}" alt="Test image {mistake.Image}: {truth}, named {given}" title="test image {mistake.Image}, loss {Figures.Loss(mistake.Loss)}"></div>
                <p class="given"><bdi>{given}</bdi> <span>{Probability(mistake.GivenProbability)}</span></p>
                <p class="truth">is <bdi>{truth}</bdi> <span>{Probability(mistake.TruthProbability)}</span></p></li>

                """);
        }

        html.Add($"</ul>\n");
    }

    private static string Probability(double share) => share switch
    {
        < 0.0005 => "<0.1%",
        > 0.9995 and < 1 => ">99.9%",
        _ => Figures.Percent(share),
    };
}
