namespace CudaBn.Tests.Reference;

/// <summary>(prediction - target)^2, summed, or its mean.</summary>
public static class ReferenceMeanSquaredError
{
    public static double Forward(double[] prediction, double[] target, bool mean)
    {
        var sum = 0.0;
        for (var i = 0; i < prediction.Length; i++)
            sum += (prediction[i] - target[i]) * (prediction[i] - target[i]);
        return mean ? sum / prediction.Length : sum;
    }

    public static double[] Backward(double[] prediction, double[] target, bool mean)
    {
        var gradient = new double[prediction.Length];
        for (var i = 0; i < prediction.Length; i++)
            gradient[i] = 2 * (prediction[i] - target[i]) / (mean ? prediction.Length : 1);
        return gradient;
    }
}
