namespace CudaBn.Bench;

/// <summary>m' = beta1 * m + (1 - beta1) * g, s' = beta2 * s + (1 - beta2) * g^2,
/// v' = (1 - rate * decay) * v - rate / (1 - beta1^t) * m' / (sqrt(s' / (1 - beta2^t)) + epsilon).</summary>
public static class AdamCheck
{
    /// <param name="step">t, from 1.</param>
    public static void Step(
        State before, Tensor gradient, Tensor value, Tensor firstMoment, Tensor secondMoment, long step, double rate,
        double beta1, double beta2, double epsilon, double decay)
    {
        ArgumentNullException.ThrowIfNull(before);
        using HostValues g = new(gradient), v = new(value), m = new(firstMoment), s = new(secondMoment);
        double correction1 = 1 - Math.Pow(beta1, step), correction2 = 1 - Math.Pow(beta2, step);
        foreach (var i in Check.Samples(v.Count))
        {
            double kept = beta1 * before.FirstMoment[i], added = (1 - beta1) * g[i];
            Check.Close("first moment", i, m[i], kept + added, Check.SumBound(2, Math.Abs(kept) + Math.Abs(added)));
            var squares = beta2 * before.SecondMoment[i] + (1 - beta2) * g[i] * g[i];
            Check.Close("second moment", i, s[i], squares, Check.SumBound(2, squares));
            double scale = rate / correction1 / (Math.Sqrt(squares / correction2) + epsilon), old = before.Value[i];
            Check.Close(
                "value", i, v[i], (1 - rate * decay) * old - scale * (kept + added),
                Check.SumBound(4, Math.Abs(old) + scale * (Math.Abs(kept) + Math.Abs(added))));
        }
    }

    /// <summary>A parameter and its moments before the step.</summary>
    public sealed record State(double[] Value, double[] FirstMoment, double[] SecondMoment);
}
