namespace CudaBn.Tests.Optimizers;

/// <summary>An optimizer's constants, and what it makes of one parameter: step by step in double, with a bound of what
/// rounding may do to it.</summary>
/// <param name="Kind">Sgd, Adam or AdamW.</param>
/// <param name="LearningRate">The step size.</param>
/// <param name="WeightDecay">The decay.</param>
/// <param name="First">Momentum, or beta1.</param>
/// <param name="Second">Dampening, or beta2.</param>
/// <param name="Epsilon">Of Adam.</param>
/// <param name="Nesterov">Of SGD.</param>
/// <param name="MaxNorm">What the norm of all gradients is clipped to; null for no bound.</param>
public sealed record OptimizerCase(
    string Kind, double LearningRate, double WeightDecay, double First, double Second, double Epsilon, bool Nesterov,
    double? MaxNorm)
{
    public Optimizer Create(IReadOnlyList<ParameterGroup> groups) => Kind switch
    {
        "Sgd" => Sgd.OfGroups(groups, LearningRate, First, Second, WeightDecay, Nesterov, MaxNorm),
        "Adam" => Adam.OfGroups(groups, LearningRate, First, Second, Epsilon, WeightDecay, MaxNorm),
        _ => AdamW.OfGroups(groups, LearningRate, First, Second, Epsilon, WeightDecay, MaxNorm),
    };

    public Optimizer Create(IReadOnlyList<Parameter> parameters) => Kind switch
    {
        "Sgd" => new Sgd(parameters, LearningRate, First, Second, WeightDecay, Nesterov, MaxNorm),
        "Adam" => new Adam(parameters, LearningRate, First, Second, Epsilon, WeightDecay, MaxNorm),
        _ => new AdamW(parameters, LearningRate, First, Second, Epsilon, WeightDecay, MaxNorm),
    };

    /// <summary>What clipping multiplies gradients by: clip_grad_norm_ of PyTorch.</summary>
    public double ScaleOf(IEnumerable<double[]> gradients)
    {
        if (MaxNorm is not { } bound)
            return 1;
        return Math.Min(1, bound / (Math.Sqrt(gradients.Sum(gradient => gradient.Sum(g => g * g))) + 1e-6));
    }
}
