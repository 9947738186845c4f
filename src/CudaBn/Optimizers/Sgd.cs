using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Stochastic gradient descent with PyTorch's momentum, dampening, weight decay and Nesterov's form.</summary>
/// <remarks>With g = gradient + weightDecay * value: without momentum, value -= learningRate * g. With it, the buffer b
/// starts as g and becomes momentum * b + (1 - dampening) * g, and value -= learningRate * b, or with Nesterov
/// value -= learningRate * (g + momentum * b).</remarks>
public sealed class Sgd : Optimizer
{
    /// <summary>Makes an optimizer of parameters.</summary>
    /// <param name="parameters">The parameters of an initialized model.</param>
    /// <param name="learningRate">The step size; finite, not negative.</param>
    /// <param name="momentum">The weight of the momentum buffer; finite, not negative.</param>
    /// <param name="dampening">What is taken off the weight of the gradient in the buffer; finite.</param>
    /// <param name="weightDecay">The weight of the value added to its gradient; finite, not negative.</param>
    /// <param name="nesterov">Whether the step looks ahead; needs momentum and no dampening.</param>
    /// <param name="maxGradientNorm">What the norm of all gradients is clipped to; positive and finite. Null for no
    /// bound.</param>
    /// <exception cref="ArgumentException">There is no parameter, one is given twice, they differ in element type or device,
    /// or a constant is outside its range.</exception>
    public Sgd(
        IReadOnlyList<Parameter> parameters,
        double learningRate,
        double momentum = 0,
        double dampening = 0,
        double weightDecay = 0,
        bool nesterov = false,
        double? maxGradientNorm = null)
        : this(
            [new ParameterGroup(parameters)], learningRate, momentum, dampening, weightDecay, nesterov, maxGradientNorm)
    {
    }

    private Sgd(
        IReadOnlyList<ParameterGroup> groups, double learningRate, double momentum, double dampening,
        double weightDecay, bool nesterov, double? maxGradientNorm)
        : base(groups, learningRate, maxGradientNorm, Buffers(momentum, dampening, weightDecay, nesterov))
    {
        Momentum = momentum;
        Dampening = dampening;
        WeightDecay = weightDecay;
        Nesterov = nesterov;
    }

    /// <summary>The weight of the momentum buffer.</summary>
    public double Momentum { get; }

    /// <summary>What is taken off the weight of the gradient in the buffer.</summary>
    public double Dampening { get; }

    /// <summary>The weight of the value added to its gradient, in groups that have none of their own.</summary>
    public double WeightDecay { get; }

    /// <summary>Whether the step looks ahead.</summary>
    public bool Nesterov { get; }

    /// <summary>Makes an optimizer of groups of parameters.</summary>
    /// <param name="groups">The parameters of an initialized model, each in one group.</param>
    /// <param name="learningRate">The step size; finite, not negative.</param>
    /// <param name="momentum">The weight of the momentum buffer; finite, not negative.</param>
    /// <param name="dampening">What is taken off the weight of the gradient in the buffer; finite.</param>
    /// <param name="weightDecay">The weight of the value added to its gradient, in groups that have none of their own; finite,
    /// not negative.</param>
    /// <param name="nesterov">Whether the step looks ahead; needs momentum and no dampening.</param>
    /// <param name="maxGradientNorm">What the norm of all gradients is clipped to; positive and finite. Null for no
    /// bound.</param>
    /// <returns>The optimizer.</returns>
    /// <exception cref="ArgumentException">There is no parameter, one is given twice, they differ in element type or device,
    /// or a constant is outside its range.</exception>
    public static Sgd OfGroups(
        IReadOnlyList<ParameterGroup> groups,
        double learningRate,
        double momentum = 0,
        double dampening = 0,
        double weightDecay = 0,
        bool nesterov = false,
        double? maxGradientNorm = null) =>
        new(groups, learningRate, momentum, dampening, weightDecay, nesterov, maxGradientNorm);

    private protected override void Update(ActiveParameters active, Tensor learningRate, Tensor? gradientScale) =>
        Backend.SgdStep(new SgdArgs(
            active.Parameters, Momentum == 0 ? [] : active.State[0], active.IsFirstStep, learningRate,
            active.Group.LearningRateFactor, gradientScale, Momentum, Dampening,
            active.Group.WeightDecay ?? WeightDecay, Nesterov));

    internal override IReadOnlyList<(string Name, double Value)> Constants =>
    [
        ("momentum", Momentum), ("dampening", Dampening), ("weight_decay", WeightDecay), ("nesterov", Nesterov ? 1 : 0),
    ];

    // The buffers that a parameter has. Called before anything is allocated.
    private static string[] Buffers(double momentum, double dampening, double weightDecay, bool nesterov)
    {
        RequireNotNegative(momentum, nameof(Sgd), "momentum");
        RequireNotNegative(weightDecay, nameof(Sgd), "weight decay");
        if (!double.IsFinite(dampening))
            throw new ArgumentException($"Sgd: dampening {dampening} must be finite.");
        if (nesterov && (momentum == 0 || dampening != 0))
            throw new ArgumentException(
                $"Sgd: Nesterov's form needs momentum and no dampening, not momentum {momentum} and dampening "
                + $"{dampening}.");
        return momentum == 0 ? [] : ["momentum_buffer"];
    }
}
