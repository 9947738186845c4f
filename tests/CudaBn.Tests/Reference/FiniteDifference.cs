namespace CudaBn.Tests.Reference;

/// <summary>Gradients by central differences: what judges every backward pass.</summary>
public static class FiniteDifference
{
    /// <summary>
    /// The gradient of <paramref name="loss"/> at <paramref name="x"/>, with a step of 1e-6 * max(1, |x[i]|) each way.
    /// </summary>
    /// <param name="loss">Called 2*x.Length times, always with the array <paramref name="x"/> itself.</param>
    /// <param name="x">Changed one element at a time; on return as it was.</param>
    public static double[] Gradient(Func<double[], double> loss, double[] x)
    {
        var gradient = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            var center = x[i];
            var step = 1e-6 * Math.Max(1.0, Math.Abs(center));
            var above = center + step;
            var below = center - step;

            x[i] = above;
            var lossAbove = loss(x);
            x[i] = below;
            var lossBelow = loss(x);
            x[i] = center;

            // The distance that was really gone: center + step is rounded.
            gradient[i] = (lossAbove - lossBelow) / (above - below);
        }

        return gradient;
    }

    /// <summary>
    /// The gradient of the loss sum(weights[i] * function(x)[i]), whose gradient at the function's output is
    /// <paramref name="weights"/>. A plain sum would be blind: it is constant over batch norm and softmax.
    /// </summary>
    public static double[] Gradient(Func<double[], double[]> function, double[] x, double[] weights) =>
        Gradient(at => WeightedSum(function(at), weights), x);

    public static double WeightedSum(double[] y, double[] weights)
    {
        if (y.Length != weights.Length)
            throw new ArgumentException($"{y.Length} values but {weights.Length} weights");
        var sum = 0.0;
        for (var i = 0; i < y.Length; i++)
            sum += y[i] * weights[i];
        return sum;
    }
}
