namespace CudaBn;

/// <summary>Adam, with PyTorch's formulas.</summary>
/// <remarks>Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015. At step t of a parameter, with
/// g = gradient + weightDecay * value: m = beta1 * m + (1 - beta1) * g, v = beta2 * v + (1 - beta2) * g^2,
/// value -= learningRate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon).</remarks>
public sealed class Adam : AdamOptimizer
{
    /// <summary>Makes an optimizer of parameters.</summary>
    /// <param name="parameters">The parameters of an initialized model.</param>
    /// <param name="learningRate">The step size; finite, not negative.</param>
    /// <param name="beta1">The weight of the old first moment, in [0, 1).</param>
    /// <param name="beta2">The weight of the old second moment, in [0, 1).</param>
    /// <param name="epsilon">Added to the root of the second moment; positive and finite, as a Float32,
    /// too.</param>
    /// <param name="weightDecay">The weight of the value added to its gradient; finite, not negative.</param>
    /// <param name="maxGradientNorm">What the norm of all gradients is clipped to; positive and finite. Null for no
    /// bound.</param>
    /// <exception cref="ArgumentException">There is no parameter, one is given twice, they differ in element type or device,
    /// or a constant is outside its range.</exception>
    public Adam(
        IReadOnlyList<Parameter> parameters,
        double learningRate = 1e-3,
        double beta1 = 0.9,
        double beta2 = 0.999,
        double epsilon = 1e-8,
        double weightDecay = 0,
        double? maxGradientNorm = null)
        : this([new ParameterGroup(parameters)], learningRate, beta1, beta2, epsilon, weightDecay, maxGradientNorm)
    {
    }

    private Adam(
        IReadOnlyList<ParameterGroup> groups, double learningRate, double beta1, double beta2, double epsilon,
        double weightDecay, double? maxGradientNorm)
        : base(
            groups, learningRate, beta1, beta2, epsilon, weightDecay, maxGradientNorm, nameof(Adam),
            decouplesWeightDecay: false)
    {
    }

    /// <summary>Makes an optimizer of groups of parameters.</summary>
    /// <param name="groups">The parameters of an initialized model, each in one group.</param>
    /// <param name="learningRate">The step size; finite, not negative.</param>
    /// <param name="beta1">The weight of the old first moment, in [0, 1).</param>
    /// <param name="beta2">The weight of the old second moment, in [0, 1).</param>
    /// <param name="epsilon">Added to the root of the second moment; positive and finite, as a Float32,
    /// too.</param>
    /// <param name="weightDecay">The weight of the value added to its gradient, in groups that have none of their own; finite,
    /// not negative.</param>
    /// <param name="maxGradientNorm">What the norm of all gradients is clipped to; positive and finite. Null for no
    /// bound.</param>
    /// <returns>The optimizer.</returns>
    /// <exception cref="ArgumentException">There is no parameter, one is given twice, they differ in element type or device,
    /// or a constant is outside its range.</exception>
    public static Adam OfGroups(
        IReadOnlyList<ParameterGroup> groups,
        double learningRate = 1e-3,
        double beta1 = 0.9,
        double beta2 = 0.999,
        double epsilon = 1e-8,
        double weightDecay = 0,
        double? maxGradientNorm = null) =>
        new(groups, learningRate, beta1, beta2, epsilon, weightDecay, maxGradientNorm);
}
