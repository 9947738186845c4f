namespace CudaBn;

/// <summary>What a library means by batch normalization: its defaults, and which variance it stores. Everything else is the
/// same everywhere. Give it to <see cref="BatchNorm.Create"/>; <c>with</c> changes a value:
/// <c>BatchNormConvention.Onnx with { Momentum = 0.99 }</c>.</summary>
public sealed record BatchNormConvention
{
    private BatchNormConvention()
    {
    }

    /// <summary>PyTorch's <c>nn.BatchNorm1d/2d/3d</c>: epsilon 1e-5, momentum 0.1 of the new batch, unbiased running
    /// variance. What <see cref="BatchNorm"/>'s constructor takes by default.</summary>
    public static BatchNormConvention PyTorch { get; } = new()
    {
        Epsilon = 1e-5,
        Momentum = 0.1,
        MomentumIsOfTheOld = false,
        UnbiasedRunningVariance = true,
        FixesGamma = false,
    };

    /// <summary>The operator <c>BatchNormalization</c> of ONNX, opset 15: epsilon 1e-5, momentum 0.9 of the old
    /// statistics, biased running variance.</summary>
    public static BatchNormConvention Onnx { get; } = new()
    {
        Epsilon = 1e-5,
        Momentum = 0.9,
        MomentumIsOfTheOld = true,
        UnbiasedRunningVariance = false,
        FixesGamma = false,
    };

    /// <summary>The operator <c>BatchNorm</c> of Apache MXNet: epsilon 1e-3, momentum 0.9 of the old statistics, biased
    /// running variance, and <c>fix_gamma</c>, which is on by default there: gamma stays 1.</summary>
    public static BatchNormConvention Mxnet { get; } = new()
    {
        Epsilon = 1e-3,
        Momentum = 0.9,
        MomentumIsOfTheOld = true,
        UnbiasedRunningVariance = false,
        FixesGamma = true,
    };

    /// <summary>The layer <c>gluon.nn.BatchNorm</c> of Apache MXNet, with its <c>scale=True</c>: epsilon 1e-5, momentum
    /// 0.9 of the old statistics, biased running variance; gamma learns.</summary>
    public static BatchNormConvention Gluon { get; } = new()
    {
        Epsilon = 1e-5,
        Momentum = 0.9,
        MomentumIsOfTheOld = true,
        UnbiasedRunningVariance = false,
        FixesGamma = false,
    };

    /// <summary>The notebook that this library grew out of, batch normalization from scratch, as it was meant: epsilon
    /// 1e-5, momentum 0.9 of the old statistics, biased running variance.</summary>
    public static BatchNormConvention Notebook { get; } = Gluon with { };

    /// <summary>What is added to the variance.</summary>
    /// <exception cref="ArgumentException">It is not positive and finite.</exception>
    public double Epsilon
    {
        get;
        init
        {
            BatchNorm.RequireEpsilon(value, nameof(BatchNormConvention));
            field = value;
        }
    }

    /// <summary>The momentum as the library writes it: see <see cref="MomentumIsOfTheOld"/>. Null for the cumulative
    /// average of all batches.</summary>
    /// <exception cref="ArgumentException">It is outside [0, 1].</exception>
    public double? Momentum
    {
        get;
        init
        {
            BatchNorm.RequireMomentum(value, nameof(BatchNormConvention));
            field = value;
        }
    }

    /// <summary>Whether <see cref="Momentum"/> is the weight of the old statistics in r = momentum * r + (1 - momentum) *
    /// batch, or that of the new batch in r = (1 - momentum) * r + momentum * batch.</summary>
    public bool MomentumIsOfTheOld { get; init; }

    /// <summary>Whether the running variance is that of a sample, v * M / (M - 1), or that of the batch, v, of M values a
    /// channel. Normalization always uses v.</summary>
    public bool UnbiasedRunningVariance { get; init; }

    /// <summary>Whether gamma stays 1 and gets no gradient, while beta learns.</summary>
    public bool FixesGamma { get; init; }

    /// <summary>The weight of the new batch in the running statistics; null for the cumulative average.</summary>
    public double? WeightOfTheNew => MomentumIsOfTheOld ? 1 - Momentum : Momentum;
}
