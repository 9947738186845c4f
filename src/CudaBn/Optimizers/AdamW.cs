namespace CudaBn;

/// <summary>Adam with decoupled weight decay: values shrink by learningRate * weightDecay of themselves, whatever their
/// gradients.</summary>
/// <remarks>Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, with PyTorch's formulas: first
/// value *= 1 - learningRate * weightDecay, then the step of <see cref="Adam"/> without decay.</remarks>
public sealed class AdamW : AdamOptimizer
{
    /// <summary>Makes an optimizer of parameters.</summary>
    /// <param name="parameters">The parameters of an initialized model.</param>
    /// <param name="learningRate">The step size; finite, not negative.</param>
    /// <param name="beta1">The weight of the old first moment, in [0, 1).</param>
    /// <param name="beta2">The weight of the old second moment, in [0, 1).</param>
    /// <param name="epsilon">Added to the root of the second moment; positive and finite, as a Float32,
    /// too.</param>
    /// <param name="weightDecay">The weight decay; finite, not negative.</param>
    /// <param name="maxGradientNorm">What the norm of all gradients is clipped to; positive and finite. Null for no
    /// bound.</param>
    /// <exception cref="ArgumentException">There is no parameter, one is given twice, they differ in element type or device,
    /// or a constant is outside its range.</exception>
    public AdamW(
        IReadOnlyList<Parameter> parameters,
        double learningRate = 1e-3,
        double beta1 = 0.9,
        double beta2 = 0.999,
        double epsilon = 1e-8,
        double weightDecay = 0.01,
        double? maxGradientNorm = null)
        : this([new ParameterGroup(parameters)], learningRate, beta1, beta2, epsilon, weightDecay, maxGradientNorm)
    {
    }

    private AdamW(
        IReadOnlyList<ParameterGroup> groups, double learningRate, double beta1, double beta2, double epsilon,
        double weightDecay, double? maxGradientNorm)
        : base(
            groups, learningRate, beta1, beta2, epsilon, weightDecay, maxGradientNorm, nameof(AdamW),
            decouplesWeightDecay: true)
    {
    }

    /// <summary>Makes an optimizer of groups of parameters.</summary>
    /// <param name="groups">The parameters of an initialized model, each in one group.</param>
    /// <param name="learningRate">The step size; finite, not negative.</param>
    /// <param name="beta1">The weight of the old first moment, in [0, 1).</param>
    /// <param name="beta2">The weight of the old second moment, in [0, 1).</param>
    /// <param name="epsilon">Added to the root of the second moment; positive and finite, as a Float32,
    /// too.</param>
    /// <param name="weightDecay">The weight decay of groups that have none of their own; finite,
    /// not negative.</param>
    /// <param name="maxGradientNorm">What the norm of all gradients is clipped to; positive and finite. Null for no
    /// bound.</param>
    /// <returns>The optimizer.</returns>
    /// <exception cref="ArgumentException">There is no parameter, one is given twice, they differ in element type or device,
    /// or a constant is outside its range.</exception>
    public static AdamW OfGroups(
        IReadOnlyList<ParameterGroup> groups,
        double learningRate = 1e-3,
        double beta1 = 0.9,
        double beta2 = 0.999,
        double epsilon = 1e-8,
        double weightDecay = 0.01,
        double? maxGradientNorm = null) =>
        new(groups, learningRate, beta1, beta2, epsilon, weightDecay, maxGradientNorm);
}
