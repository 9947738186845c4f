namespace CudaBn.Cli;

/// <summary>Which classes are taken for which.</summary>
internal static class ConfusionSection
{
    // A matrix of more has cells too small for numbers: it becomes a picture.
    private const int MostNumbered = 30;
    private const int MostPairs = 20;

    // Classes of the style sheet for the tints of cells, from 0.
    private const int Tints = 9;

    public static void Write(HtmlText html, ReportContent content)
    {
        html.Add($"""
            <section id="confusion">
            <h2>Confusion</h2>

            """);
        if (content.Outcome is { } outcome)
            Write(html, content.Test.ClassNames, outcome);
        else
            html.Add($"""<p class="none">{content.NoOutcome}</p>""");
        html.Add($"</section>\n");
    }

    private static void Write(HtmlText html, IReadOnlyList<string> names, TestOutcome outcome)
    {
        var confusion = outcome.Confusion;
        var (all, right) = (0, 0);
        for (var truth = 0; truth < names.Count; truth++)
        {
            right += confusion[truth][truth];
            all += Images(confusion, truth);
        }

        html.Add($"""<p class="lead">After epoch {outcome.Epoch}, {right:N0} of {all:N0} test images are named rightly and {all - right:N0} wrongly. A row of the matrix holds the images of one class; shares are those of its row.</p>""");
        if (names.Count <= MostNumbered)
            WriteMatrix(html, names, confusion);
        else
            WritePicture(html, names, confusion);
        WriteClasses(html, names, confusion);
    }

    private static void WriteMatrix(HtmlText html, IReadOnlyList<string> names, int[][] confusion)
    {
        html.Add($"""
            <div class="scroll" role="region" aria-label="Confusion matrix" tabindex="0">
            <table class="matrix">
            <thead><tr><td><span>named →</span> <span>true class ↓</span></td>
            """);
        foreach (var name in names)
            html.Add($"""<th scope="col"><bdi class="upright" title="{name}">{name}</bdi></th>""");
        html.Add($"</tr></thead>\n<tbody>\n");
        for (var truth = 0; truth < names.Count; truth++)
        {
            html.Add($"""<tr><th scope="row"><bdi title="{names[truth]}">{names[truth]}</bdi></th>""");
            var images = Images(confusion, truth);
            for (var given = 0; given < names.Count; given++)
                WriteCell(html, names, truth, given, confusion[truth][given], images);
            html.Add($"</tr>\n");
        }

        html.Add($"</tbody>\n</table>\n</div>\n");
    }

    private static void WriteCell(
        HtmlText html, IReadOnlyList<string> names, int truth, int given, int count, int images)
    {
        var share = images == 0 ? 0 : (double)count / images;
        if (count == 0)
        {
            html.Add($"""<td class="zero">0</td>""");
            return;
        }

        var look = truth == given
            ? Text.Of($"right{Math.Ceiling(Tints * share)}")
            // Mistakes are rare: their shares are spread out.
            : Text.Of($"wrong{Math.Ceiling(Tints * Math.Sqrt(share))}");
        html.Add($"""<td class="{look}" data-tip="{names[truth]} named {names[given]}: {count:N0} of {images:N0}, {Figures.Percent(share)}">{count}<small>{Figures.Percent(share)}</small></td>""");
    }

    private static void WritePicture(HtmlText html, IReadOnlyList<string> names, int[][] confusion)
    {
        var shares = new double[names.Count * names.Count];
        for (var truth = 0; truth < names.Count; truth++)
        {
            var images = Math.Max(1, Images(confusion, truth));
            for (var given = 0; given < names.Count; given++)
                shares[(truth * names.Count) + given] = Math.Sqrt((double)confusion[truth][given] / images);
        }

        html.Add($"""
            <figure class="many"><img class="pixels" src="{HeatColors.Shares(shares, names.Count)}" width="{2 * names.Count}" height="{2 * names.Count}" alt="Confusion matrix of {names.Count} classes as a picture: rows are true classes, columns those given."><figcaption>Rows are true classes from top to bottom, columns those given, in the order of the table below; the deeper, the greater the share.</figcaption></figure>
            <h3>Most frequent mistakes</h3>
            <ol class="pairs">

            """);
        var pairs = from truth in Enumerable.Range(0, names.Count)
                    from given in Enumerable.Range(0, names.Count)
                    where truth != given && confusion[truth][given] > 0
                    orderby confusion[truth][given] descending
                    select (truth, given);
        foreach (var (truth, given) in pairs.Take(MostPairs))
            html.Add($"<li><bdi>{names[truth]}</bdi> named <bdi>{names[given]}</bdi>: {confusion[truth][given]:N0}</li>\n");
        html.Add($"</ol>\n");
    }

    private static void WriteClasses(HtmlText html, IReadOnlyList<string> names, int[][] confusion)
    {
        html.Add($"""
            <h3>By class</h3>
            <div class="scroll" role="region" aria-label="Table of classes" tabindex="0">
            <table class="numbers classes">
            <thead><tr><th scope="col">class</th><th scope="col">images</th><th scope="col">recall</th><th scope="col">precision</th><th scope="col">most often taken for</th></tr></thead>
            <tbody>

            """);
        for (var label = 0; label < names.Count; label++)
        {
            var (images, right) = (Images(confusion, label), confusion[label][label]);
            var named = Enumerable.Range(0, names.Count).Sum(truth => confusion[truth][label]);
            html.Add($"""<tr><th scope="row"><bdi>{names[label]}</bdi></th><td>{images:N0}</td><td>{Figures.Percent((double)right / images)}</td><td>{Figures.Percent((double)right / named)}</td><td class="text">""");
            var other = Enumerable.Range(0, names.Count).Where(given => given != label).DefaultIfEmpty(label)
                .MaxBy(given => confusion[label][given]);
            if (other != label && confusion[label][other] > 0)
                html.Add($"<bdi>{names[other]}</bdi> ({confusion[label][other]:N0})");
            else
                html.Add($"–");
            html.Add($"</td></tr>\n");
        }

        html.Add($"</tbody>\n</table>\n</div>\n");
    }

    private static int Images(int[][] confusion, int truth) => confusion[truth].Sum();
}
