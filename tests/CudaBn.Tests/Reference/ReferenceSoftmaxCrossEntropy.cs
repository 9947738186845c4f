namespace CudaBn.Tests.Reference;

/// <summary>-log softmax(logits)[label], over logits [n, classes] and labels [n]; summed, or its mean over n. With label
/// smoothing e, 1 - e of that and e of the mean of -log softmax(logits) over all classes.</summary>
public static class ReferenceSoftmaxCrossEntropy
{
    public static double Forward(
        double[] logits, int[] labels, int n, int classes, bool mean, double smoothing = 0)
    {
        var sum = 0.0;
        for (var i = 0; i < n; i++)
        {
            var (maximum, logSumExp) = LogSumExp(logits, i, classes);
            sum += (1 - smoothing) * (logSumExp - (logits[i * classes + labels[i]] - maximum));
            for (var k = 0; smoothing > 0 && k < classes; k++)
                sum += smoothing / classes * (logSumExp - (logits[i * classes + k] - maximum));
        }

        return mean ? sum / n : sum;
    }

    /// <returns>[n, classes]: softmax minus the label's one-hot row, smoothed, divided by n for the mean.</returns>
    public static double[] Backward(
        double[] logits, int[] labels, int n, int classes, bool mean, double smoothing = 0)
    {
        var gradLogits = new double[n * classes];
        for (var i = 0; i < n; i++)
        {
            var (maximum, logSumExp) = LogSumExp(logits, i, classes);
            for (var k = 0; k < classes; k++)
            {
                var probability = Math.Exp(logits[i * classes + k] - maximum - logSumExp);
                var gradient = probability - (k == labels[i] ? 1 - smoothing : 0) - smoothing / classes;
                gradLogits[i * classes + k] = mean ? gradient / n : gradient;
            }
        }

        return gradLogits;
    }

    /// <summary>A row's maximum, and log(sum of exp(logit - maximum)). Their sum would lose the digits of the logarithm
    /// where the maximum is large.</summary>
    private static (double Maximum, double LogSumExp) LogSumExp(double[] logits, int row, int classes)
    {
        var maximum = double.NegativeInfinity;
        for (var k = 0; k < classes; k++)
            maximum = Math.Max(maximum, logits[row * classes + k]);

        // Without the maximum taken out, exp overflows from a logit of 710 on.
        var sum = 0.0;
        for (var k = 0; k < classes; k++)
            sum += Math.Exp(logits[row * classes + k] - maximum);
        return (maximum, Math.Log(sum));
    }
}
