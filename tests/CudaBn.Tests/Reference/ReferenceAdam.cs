namespace CudaBn.Tests.Reference;

/// <summary>Adam and AdamW with PyTorch's meaning of every constant.</summary>
public static class ReferenceAdam
{
    /// <summary>One step, the <paramref name="step"/>th, from 1: in place on parameter and moments.</summary>
    public static void Step(
        double[] parameter, double[] gradient, double[] firstMoment, double[] secondMoment, int step,
        double learningRate, double beta1, double beta2, double epsilon, double weightDecay, bool decoupled)
    {
        double correction1 = Correction(beta1, step), correction2 = Correction(beta2, step);
        for (var i = 0; i < parameter.Length; i++)
        {
            var g = gradient[i];
            if (decoupled)
                parameter[i] *= 1 - learningRate * weightDecay;
            else
                g += weightDecay * parameter[i];
            firstMoment[i] = beta1 * firstMoment[i] + (1 - beta1) * g;
            secondMoment[i] = beta2 * secondMoment[i] + (1 - beta2) * g * g;
            var denominator = Math.Sqrt(secondMoment[i]) / Math.Sqrt(correction2) + epsilon;
            parameter[i] -= learningRate / correction1 * firstMoment[i] / denominator;
        }
    }

    /// <summary>1 - beta^step, as the sum of the weights of all gradients so far.</summary>
    public static double Correction(double beta, int step)
    {
        double sum = 0, weight = 1 - beta;
        for (var i = 0; i < step; i++, weight *= beta)
            sum += weight;
        return sum;
    }
}
