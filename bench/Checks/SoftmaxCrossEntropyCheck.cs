namespace CudaBn.Bench;

/// <summary>exp(l - max) / sum of exp(l - max), and the mean of -log of the label's.</summary>
public static class SoftmaxCrossEntropyCheck
{
    public static void Forward(int batch, int classes, Tensor logits, Tensor labels, Tensor probabilities, Tensor loss)
    {
        using HostValues l = new(logits), label = new(labels), p = new(probabilities), total = new(loss);
        double sum = 0, magnitude = 0;
        for (long row = 0; row < batch; row++)
        {
            var greatest = double.NegativeInfinity;
            for (var i = 0; i < classes; i++)
                greatest = Math.Max(greatest, l[row * classes + i]);
            double exponentials = 0;
            for (var i = 0; i < classes; i++)
                exponentials += Math.Exp(l[row * classes + i] - greatest);
            for (var i = 0; i < classes; i++)
            {
                var distance = greatest - l[row * classes + i];
                var expected = Math.Exp(-distance) / exponentials;
                // The exponent's rounding is relative to its size, and grows into a relative error of the result.
                Check.Close(
                    "probabilities", row * classes + i, p[row * classes + i], expected,
                    Check.SumBound(classes, expected) + 2 * distance * Check.UnitRoundoff * expected);
            }

            var ofLabel = greatest - l[row * classes + (long)label[row]];
            sum += Math.Log(exponentials) + ofLabel;
            magnitude += Math.Abs(Math.Log(exponentials)) + ofLabel + 1;
        }

        Check.Close("loss", 0, total[0], sum / batch, Check.SumBound(classes, magnitude / batch));
    }

    public static void Backward(int batch, int classes, Tensor probabilities, Tensor labels, Tensor gradLogits)
    {
        using HostValues p = new(probabilities), label = new(labels), gradient = new(gradLogits);
        foreach (var i in Check.Samples(gradient.Count))
        {
            var hit = label[i / classes] == i % classes ? 1 : 0;
            Check.Close("gradLogits", i, gradient[i], (p[i] - hit) / batch, Check.SumBound(2, (p[i] + hit) / batch));
        }
    }
}
