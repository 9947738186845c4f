namespace CudaBn.Cli;

/// <summary>What a network said about every test image after an epoch.</summary>
/// <param name="Epoch">After which epoch, from 1.</param>
/// <param name="Confusion">[true class, class given]: how many images.</param>
/// <param name="Worst">The images with the greatest losses among those named wrongly, the greatest first.</param>
internal sealed record TestOutcome(int Epoch, int[][] Confusion, IReadOnlyList<Mistake> Worst)
{
    /// <summary>How many mistakes are kept.</summary>
    public const int MostMistakes = 24;

    /// <param name="epoch">The epoch, from 1.</param>
    /// <param name="logits">[images, classes], row-major.</param>
    /// <param name="labels">The true class of each image.</param>
    /// <param name="classes">How many classes there are.</param>
    public static TestOutcome Of(int epoch, ReadOnlySpan<float> logits, ReadOnlySpan<byte> labels, int classes)
    {
        var confusion = Enumerable.Range(0, classes).Select(_ => new int[classes]).ToArray();
        var worst = new PriorityQueue<Mistake, double>(MostMistakes + 1);
        for (var image = 0; image < labels.Length; image++)
        {
            var row = logits.Slice(image * classes, classes);
            var (truth, given) = (labels[image], Greatest(row));
            confusion[truth][given]++;
            if (given == truth)
                continue;
            var logSum = LogSumExp(row);
            var mistake = new Mistake(
                image, truth, given, Math.Exp(row[truth] - logSum), Math.Exp(row[given] - logSum), logSum - row[truth]);
            worst.Enqueue(mistake, mistake.Loss);
            if (worst.Count > MostMistakes)
                worst.Dequeue();
        }

        return new TestOutcome(
            epoch, confusion,
            [.. worst.UnorderedItems.Select(item => item.Element)
                .OrderByDescending(mistake => mistake.Loss).ThenBy(mistake => mistake.Image)]);
    }

    /// <summary>Whether this may be of so many images in so many classes.</summary>
    public bool Fits(int images, int classes) =>
        Confusion is not null && Confusion.Length == classes
        && Array.TrueForAll(Confusion, row => row?.Length == classes && Array.TrueForAll(row, count => count >= 0))
        && Confusion.Sum(row => row.Sum(count => (long)count)) == images
        && Worst is not null && Worst.All(mistake => IsBelow(images, mistake.Image)
            && IsBelow(classes, mistake.Truth) && IsBelow(classes, mistake.Given));

    private static bool IsBelow(int count, int index) => index >= 0 && index < count;

    // The first greatest one, as the accuracy counts.
    private static int Greatest(ReadOnlySpan<float> logits)
    {
        var greatest = 0;
        for (var i = 1; i < logits.Length; i++)
        {
            if (logits[i] > logits[greatest])
                greatest = i;
        }

        return greatest;
    }

    private static double LogSumExp(ReadOnlySpan<float> logits)
    {
        double greatest = logits[Greatest(logits)];
        var sum = 0.0;
        foreach (var logit in logits)
            sum += Math.Exp(logit - greatest);
        return greatest + Math.Log(sum);
    }
}
