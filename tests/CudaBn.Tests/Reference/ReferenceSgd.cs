namespace CudaBn.Tests.Reference;

/// <summary>Stochastic gradient descent with PyTorch's meaning of momentum, dampening, Nesterov and weight decay.
/// </summary>
public static class ReferenceSgd
{
    /// <summary>
    /// One step, in place on <paramref name="parameter"/> and on <paramref name="momentumBuffer"/>, which is as long
    /// and stays untouched when momentum is 0. The first step sets the buffer to the gradient, whatever the dampening.
    /// </summary>
    public static void Step(
        double[] parameter, double[] gradient, double[] momentumBuffer, bool firstStep,
        double learningRate, double momentum, double dampening, bool nesterov, double weightDecay)
    {
        for (var i = 0; i < parameter.Length; i++)
        {
            var direction = gradient[i] + weightDecay * parameter[i];
            if (momentum != 0)
            {
                momentumBuffer[i] = firstStep
                    ? direction
                    : momentum * momentumBuffer[i] + (1 - dampening) * direction;
                direction = nesterov ? direction + momentum * momentumBuffer[i] : momentumBuffer[i];
            }

            parameter[i] -= learningRate * direction;
        }
    }
}
