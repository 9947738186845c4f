namespace CudaBn.Cli;

/// <summary>Says what images are, by a trained network.</summary>
/// <param name="model">The network, in evaluation.</param>
/// <param name="classNames">Its classes, by label.</param>
/// <param name="shape">The images that it takes.</param>
/// <param name="normalization">What images are normalized by; null where they are not.</param>
internal sealed class Classifier(
    Sequential model, IReadOnlyList<string> classNames, ImageShape shape, Normalization? normalization)
{
    /// <summary>Classifies images, all in one batch.</summary>
    /// <param name="images">The images.</param>
    /// <param name="top">How many classes are told of each; no more than there are.</param>
    /// <param name="failed">Gets those that the network has no finite outputs for.</param>
    public IEnumerable<ImagePrediction> Classify(ReadImages images, int top, ICollection<FailedImage> failed)
    {
        if (images.Names.Count == 0)
            yield break;

        var dataset = new ImageDataset(
            "images", shape.Channels, shape.Height, shape.Width, images.Pixels, new byte[images.Names.Count], [.. classNames]);
        using var loader = new DataLoader(dataset, dataset.Count, model.Device, normalization: normalization);
        var logits = loader.SelectMany(batch => model.Forward(batch.Images).ToArray<float>()).ToArray();
        for (var i = 0; i < dataset.Count; i++)
        {
            var (file, index) = images.Names[i];
            var row = logits.AsSpan(i * classNames.Count, classNames.Count);
            if (row.ContainsAnyExceptInRange(float.MinValue, float.MaxValue))
                failed.Add(new FailedImage(
                    file, index, Text.Of($"{file}: the network's output for image {index} is not finite.")));
            else
                yield return new ImagePrediction(file, index, Top(Softmax(row), top));
        }
    }

    private ClassProbability[] Top(double[] probabilities, int count) =>
    [
        .. probabilities.Select((probability, label) => new ClassProbability(label, classNames[label], probability))
            .OrderByDescending(one => one.Probability).Take(count),
    ];

    private static double[] Softmax(ReadOnlySpan<float> logits)
    {
        double greatest = float.NegativeInfinity;
        foreach (var logit in logits)
            greatest = Math.Max(greatest, logit);
        var powers = new double[logits.Length];
        for (var i = 0; i < powers.Length; i++)
            powers[i] = Math.Exp(logits[i] - greatest);
        var sum = powers.Sum();
        return Array.ConvertAll(powers, power => power / sum);
    }
}
