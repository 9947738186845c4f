namespace CudaBn.Cli;

/// <summary>What a network says about the images of a data set, one by one.</summary>
/// <param name="Evaluation">Loss and accuracy over all.</param>
/// <param name="Labels">The class it gives each image.</param>
internal sealed record Predictions(Evaluation Evaluation, int[] Labels)
{
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Predictions Of(Layer model, DataLoader data, CancellationToken cancellation = default)
    {
        using var loss = new SoftmaxCrossEntropy();
        var labels = new List<int>(data.ImageCount);
        model.IsTraining = false;
        foreach (var batch in data)
        {
            cancellation.ThrowIfCancellationRequested();
            var logits = model.Forward(batch.Images);
            loss.Forward(logits, batch.Labels);
            AddGreatest(logits.ToArray<float>(), logits.Shape[1], labels);
        }

        var totals = loss.ReadTotals();
        return new Predictions(
            new Evaluation(totals.Loss / data.ImageCount, (double)totals.Correct / data.ImageCount), [.. labels]);
    }

    private static void AddGreatest(float[] logits, int classes, List<int> labels)
    {
        for (var row = 0; row < logits.Length; row += classes)
        {
            var greatest = 0;
            for (var label = 1; label < classes; label++)
            {
                if (logits[row + label] > logits[row + greatest])
                    greatest = label;
            }

            labels.Add(greatest);
        }
    }
}
