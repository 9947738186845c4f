using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>What <see cref="Adam"/> and <see cref="AdamW"/> share: step sizes adapted to the first and second moments of the
/// gradients.</summary>
public abstract class AdamOptimizer : Optimizer
{
    private readonly bool _decouplesWeightDecay;

    private protected AdamOptimizer(
        IReadOnlyList<ParameterGroup> groups,
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        double? maxGradientNorm,
        string name,
        bool decouplesWeightDecay)
        : base(groups, learningRate, maxGradientNorm, Moments(name, beta1, beta2, epsilon, weightDecay))
    {
        Beta1 = beta1;
        Beta2 = beta2;
        Epsilon = epsilon;
        WeightDecay = weightDecay;
        _decouplesWeightDecay = decouplesWeightDecay;
        Steps = Tensor.Zeros([ParameterCount], DType.Int64, Device);
    }

    /// <summary>The weight of the old first moment.</summary>
    public double Beta1 { get; }

    /// <summary>The weight of the old second moment.</summary>
    public double Beta2 { get; }

    /// <summary>What is added to the root of the second moment.</summary>
    public double Epsilon { get; }

    /// <summary>The weight decay of groups that have none of their own.</summary>
    public double WeightDecay { get; }

    /// <summary>Int64 [parameters] on the device: how many steps each has made.</summary>
    internal Tensor Steps { get; }

    internal override IReadOnlyList<(string Name, double Value)> Constants =>
        [("beta1", Beta1), ("beta2", Beta2), ("epsilon", Epsilon), ("weight_decay", WeightDecay)];

    private protected override IEnumerable<NamedTensor> StateOf(int index) =>
        [.. base.StateOf(index), new NamedTensor(StateName(index, "step"), Steps.Part(index, [1]))];

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Steps.Dispose();
        base.Dispose(disposing);
    }

    private protected override void Update(
        ActiveParameters active, Tensor learningRate, Tensor? gradientScale, Tensor? watch) =>
        Backend.AdamStep(new AdamArgs(
            active.Parameters, active.State[0], active.State[1], Steps, active.Indices, learningRate,
            active.Group.LearningRateFactor, gradientScale, Beta1, Beta2, Epsilon,
            active.Group.WeightDecay ?? WeightDecay, _decouplesWeightDecay, watch));

    // The moments that a parameter has. Called before anything is allocated.
    private static string[] Moments(string name, double beta1, double beta2, double epsilon, double weightDecay)
    {
        RequireWeight(beta1, "beta1");
        RequireWeight(beta2, "beta2");
        // As a float it still has to keep 0 / 0 away.
        if (!((float)epsilon > 0) || float.IsInfinity((float)epsilon))
            throw new ArgumentException($"{name}: epsilon {epsilon} must be positive and finite, as a Float32, too.");
        RequireNotNegative(weightDecay, name, "weight decay");
        return ["exp_avg", "exp_avg_sq"];

        void RequireWeight(double beta, string what)
        {
            if (!(beta is >= 0 and < 1))
                throw new ArgumentException($"{name}: {what} {beta} is outside [0, 1).");
        }
    }
}
