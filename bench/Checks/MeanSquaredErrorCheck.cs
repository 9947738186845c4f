namespace CudaBn.Bench;

/// <summary>The mean of the squared differences, and its gradient.</summary>
public static class MeanSquaredErrorCheck
{
    public static void Forward(Tensor prediction, Tensor target, Tensor loss)
    {
        using HostValues p = new(prediction), t = new(target), actual = new(loss);
        double sum = 0;
        for (long i = 0; i < p.Count; i++)
            sum += (p[i] - t[i]) * (p[i] - t[i]);
        var mean = sum / p.Count;
        // A difference is off by a rounding of itself, which its square doubles.
        Check.Close("loss", 0, actual[0], mean, Check.SumBound(p.Count, 3 * mean));
    }

    public static void Backward(Tensor prediction, Tensor target, Tensor gradPrediction)
    {
        using HostValues p = new(prediction), t = new(target), gradient = new(gradPrediction);
        foreach (var i in Check.Samples(gradient.Count))
        {
            var expected = 2 * (p[i] - t[i]) / p.Count;
            Check.Close("gradPrediction", i, gradient[i], expected, Check.SumBound(1, Math.Abs(expected)));
        }
    }
}
