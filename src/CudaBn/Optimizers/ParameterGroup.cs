namespace CudaBn;

/// <summary>Parameters that an optimizer treats alike.</summary>
public sealed class ParameterGroup
{
    /// <summary>Makes a group.</summary>
    /// <param name="parameters">Parameters of an initialized model.</param>
    /// <param name="learningRateFactor">What the optimizer's learning rate is multiplied by for this group; finite, not
    /// negative.</param>
    /// <param name="weightDecay">The weight decay of this group; finite, not negative. Null for the
    /// optimizer's.</param>
    /// <exception cref="ArgumentException">A value is outside its range, or a parameter is null.</exception>
    public ParameterGroup(
        IReadOnlyList<Parameter> parameters, double learningRateFactor = 1, double? weightDecay = null)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        RequireNotNegative(learningRateFactor, "learning rate factor");
        if (weightDecay is { } decay)
            RequireNotNegative(decay, "weight decay");
        for (var i = 0; i < parameters.Count; i++)
        {
            if (parameters[i] is null)
                throw new ArgumentException($"ParameterGroup: parameter {i} is null.", nameof(parameters));
        }

        Parameters = [.. parameters];
        LearningRateFactor = learningRateFactor;
        WeightDecay = weightDecay;
    }

    /// <summary>The parameters.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>What the optimizer's learning rate is multiplied by.</summary>
    public double LearningRateFactor { get; }

    /// <summary>The weight decay of this group; null for the optimizer's.</summary>
    public double? WeightDecay { get; }

    /// <summary>Splits the parameters of a model into weights, which decay, and those of one axis, which do not: biases, and
    /// the gamma and beta of batch normalizations. Decay would only change the scale of what a normalization scales
    /// anyway.</summary>
    /// <param name="model">An initialized model.</param>
    /// <param name="weightDecay">The decay of the weights; finite, not negative.</param>
    /// <returns>The groups that have parameters: the weights first.</returns>
    /// <exception cref="ArgumentException">The decay is outside its range.</exception>
    /// <exception cref="InvalidOperationException">The model is not initialized.</exception>
    public static IReadOnlyList<ParameterGroup> WithoutDecayOnNorms(Layer model, double weightDecay)
    {
        ArgumentNullException.ThrowIfNull(model);
        var weights = new ParameterGroup(
            [.. model.Parameters.Where(parameter => parameter.Value.Shape.Rank > 1)], weightDecay: weightDecay);
        var others = new ParameterGroup(
            [.. model.Parameters.Where(parameter => parameter.Value.Shape.Rank == 1)], weightDecay: 0);
        return [.. new[] { weights, others }.Where(group => group.Parameters.Count > 0)];
    }

    private static void RequireNotNegative(double value, string what) =>
        Optimizer.RequireNotNegative(value, nameof(ParameterGroup), what);
}
