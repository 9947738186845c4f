namespace CudaBn.Tests.Reference;

/// <summary>
/// Batch normalization by virtual batches: every <c>size</c> consecutive images of [n, c, s] by themselves, the last ones
/// perhaps fewer. Hoffer, Hubara and Soudry, 2017, algorithm 1.
/// </summary>
public static class ReferenceVirtualBatchNorm
{
    /// <summary>First image and number of images of every virtual batch.</summary>
    public static IEnumerable<(int First, int Count)> Parts(int n, int size)
    {
        for (var first = 0; first < n; first += size)
            yield return (first, Math.Min(size, n - first));
    }

    public static double[] Forward(
        double[] x, double[]? gamma, double[]? beta, int n, int c, int s, double eps, int size)
    {
        var y = new double[x.Length];
        foreach (var (first, count) in Parts(n, size))
        {
            var part = x[(first * c * s)..((first + count) * c * s)];
            ReferenceBatchNorm.ForwardTraining(part, gamma, beta, count, c, s, eps).Y.CopyTo(y, first * c * s);
        }

        return y;
    }

    public static (double[] GradInput, double[] GradGamma, double[] GradBeta) Backward(
        double[] gradOutput, double[] x, double[]? gamma, int n, int c, int s, double eps, int size)
    {
        var gradInput = new double[x.Length];
        double[] gradGamma = new double[c], gradBeta = new double[c];
        foreach (var (first, count) in Parts(n, size))
        {
            var range = (first * c * s)..((first + count) * c * s);
            var (_, mean, _, invStd) = ReferenceBatchNorm.ForwardTraining(x[range], gamma, null, count, c, s, eps);
            var (gradPart, gammaPart, betaPart) = ReferenceBatchNorm.BackwardTraining(
                gradOutput[range], x[range], gamma, mean, invStd, count, c, s);
            gradPart.CopyTo(gradInput, first * c * s);
            for (var k = 0; k < c; k++)
            {
                gradGamma[k] += gammaPart[k];
                gradBeta[k] += betaPart[k];
            }
        }

        return (gradInput, gradGamma, gradBeta);
    }
}
