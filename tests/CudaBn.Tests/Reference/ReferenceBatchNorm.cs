namespace CudaBn.Tests.Reference;

/// <summary>
/// Batch normalization over [n, c, s], row-major; s is the product of the spatial sizes, 1 for [n, c]. gamma and beta
/// are [c], or null for the plain normalization. Formulas: Ioffe and Szegedy, 2015, algorithm 1 and section 3.
/// </summary>
public static class ReferenceBatchNorm
{
    /// <summary>Normalizes every channel by its own batch statistics.</summary>
    /// <returns>Y [n, c, s]; Mean, Variance (biased: divided by n*s) and InvStd, each [c].</returns>
    public static (double[] Y, double[] Mean, double[] Variance, double[] InvStd) ForwardTraining(
        double[] x, double[]? gamma, double[]? beta, int n, int c, int s, double eps)
    {
        var count = n * s;
        if (count < 2)
            throw new ArgumentException($"training needs two values per channel or more, found {count}");

        var mean = new double[c];
        var variance = new double[c];
        for (var k = 0; k < c; k++)
        {
            var sum = new CompensatedSum();
            for (var i = 0; i < n; i++)
            for (var j = 0; j < s; j++)
                sum.Add(x[(i * c + k) * s + j]);
            mean[k] = sum.Value / count;

            // A second pass on purpose: E[x^2] - E[x]^2 has no digits left once |mean| >> std.
            var squares = new CompensatedSum();
            for (var i = 0; i < n; i++)
            for (var j = 0; j < s; j++)
            {
                var deviation = x[(i * c + k) * s + j] - mean[k];
                squares.Add(deviation * deviation);
            }

            variance[k] = squares.Value / count;
        }

        var invStd = InvStd(variance, eps);
        return (Normalize(x, gamma, beta, mean, invStd, n, c, s), mean, variance, invStd);
    }

    /// <summary>Normalizes every channel by given statistics: evaluation, or training with frozen statistics.</summary>
    public static double[] ForwardEvaluation(
        double[] x, double[]? gamma, double[]? beta, double[] runningMean, double[] runningVariance,
        int n, int c, int s, double eps) =>
        Normalize(x, gamma, beta, runningMean, InvStd(runningVariance, eps), n, c, s);

    /// <summary>
    /// Moves the running statistics, in place, by one training batch's mean and biased variance over
    /// <paramref name="count"/> = n*s values. <paramref name="momentum"/> is the weight of the new batch, null for the
    /// average over all <paramref name="batchesSeen"/>, this one included. The variance that is stored is divided by
    /// count - 1 where <paramref name="unbiased"/>, else by count.
    /// </summary>
    public static void UpdateRunning(
        double[] runningMean, double[] runningVariance, double[] mean, double[] variance,
        int count, double? momentum, long batchesSeen, bool unbiased)
    {
        var weight = momentum ?? 1.0 / batchesSeen;
        for (var k = 0; k < mean.Length; k++)
        {
            var stored = unbiased ? variance[k] * count / (count - 1) : variance[k];
            runningMean[k] = (1 - weight) * runningMean[k] + weight * mean[k];
            runningVariance[k] = (1 - weight) * runningVariance[k] + weight * stored;
        }
    }

    /// <summary>
    /// Gradients where mean and invStd came from the batch itself, so that every input moves them:
    /// dx = gamma*invStd/m * (m*dy - dbeta - xhat*dgamma), m = n*s.
    /// </summary>
    public static (double[] GradInput, double[] GradGamma, double[] GradBeta) BackwardTraining(
        double[] gradOutput, double[] x, double[]? gamma, double[] mean, double[] invStd, int n, int c, int s)
    {
        var (gradGamma, gradBeta) = GradAffine(gradOutput, x, mean, invStd, n, c, s);
        var gradInput = new double[x.Length];
        var count = n * s;

        for (var i = 0; i < n; i++)
        for (var k = 0; k < c; k++)
        for (var j = 0; j < s; j++)
        {
            var at = (i * c + k) * s + j;
            var xHat = (x[at] - mean[k]) * invStd[k];
            var scale = gamma is null ? 1.0 : gamma[k];
            gradInput[at] = scale * invStd[k] / count
                * (count * gradOutput[at] - gradBeta[k] - xHat * gradGamma[k]);
        }

        return (gradInput, gradGamma, gradBeta);
    }

    /// <summary>Gradients where mean and invStd are constants (evaluation, frozen statistics): dx = dy*gamma*invStd.
    /// </summary>
    public static (double[] GradInput, double[] GradGamma, double[] GradBeta) BackwardFrozen(
        double[] gradOutput, double[] x, double[]? gamma, double[] mean, double[] invStd, int n, int c, int s)
    {
        var (gradGamma, gradBeta) = GradAffine(gradOutput, x, mean, invStd, n, c, s);
        var gradInput = new double[x.Length];

        for (var i = 0; i < n; i++)
        for (var k = 0; k < c; k++)
        for (var j = 0; j < s; j++)
        {
            var at = (i * c + k) * s + j;
            gradInput[at] = gradOutput[at] * (gamma is null ? 1.0 : gamma[k]) * invStd[k];
        }

        return (gradInput, gradGamma, gradBeta);
    }

    public static double[] InvStd(double[] variance, double eps) =>
        Array.ConvertAll(variance, v => 1.0 / Math.Sqrt(v + eps));

    private static double[] Normalize(
        double[] x, double[]? gamma, double[]? beta, double[] mean, double[] invStd, int n, int c, int s)
    {
        var y = new double[x.Length];
        for (var i = 0; i < n; i++)
        for (var k = 0; k < c; k++)
        for (var j = 0; j < s; j++)
        {
            var at = (i * c + k) * s + j;
            var xHat = (x[at] - mean[k]) * invStd[k];
            y[at] = (gamma is null ? xHat : gamma[k] * xHat) + (beta is null ? 0.0 : beta[k]);
        }

        return y;
    }

    private static (double[] GradGamma, double[] GradBeta) GradAffine(
        double[] gradOutput, double[] x, double[] mean, double[] invStd, int n, int c, int s)
    {
        var gradGamma = new CompensatedSum[c];
        var gradBeta = new CompensatedSum[c];
        for (var i = 0; i < n; i++)
        for (var k = 0; k < c; k++)
        for (var j = 0; j < s; j++)
        {
            var at = (i * c + k) * s + j;
            gradGamma[k].Add(gradOutput[at] * (x[at] - mean[k]) * invStd[k]);
            gradBeta[k].Add(gradOutput[at]);
        }

        return (Array.ConvertAll(gradGamma, sum => sum.Value), Array.ConvertAll(gradBeta, sum => sum.Value));
    }
}
