using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Batch normalization of any input [N, C] or [N, C, ...spatial], channel by channel.</summary>
/// <remarks>Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
/// Shift", 2015. In training, with M = N * spatial values per channel: y = gamma * (x - mean) / sqrt(v + epsilon) +
/// beta with the biased variance v of the batch, and the running statistics become (1 - momentum) * old + momentum *
/// batch. In evaluation, and in training with <see cref="FreezeStatistics"/>, mean and v are the running ones.</remarks>
public sealed class BatchNorm : Layer
{
    private readonly Initializer _gammaInitializer;
    private readonly Initializer _betaInitializer;
    private Tensor? _mean;
    private Tensor? _invStd;
    private bool _lastUsedRunningStatistics;

    /// <summary>Describes the layer; <see cref="Layer.Initialize(Device, DType, ulong)"/> makes its parameters.</summary>
    /// <param name="channels">C.</param>
    /// <param name="epsilon">Added to the variance; positive.</param>
    /// <param name="momentum">The weight of the new batch in the running statistics, in [0, 1], as in PyTorch (ONNX,
    /// MXNet and Keras write 1 - momentum). Null for the cumulative average of all batches.</param>
    /// <param name="affine">Whether there are gamma and beta.</param>
    /// <param name="unbiasedRunningVariance">Whether the running variance takes v * M / (M - 1), as in PyTorch, or the
    /// biased v, as in ONNX and MXNet.</param>
    /// <param name="gammaInitializer">First values of gamma; 1 when null.</param>
    /// <param name="betaInitializer">First values of beta; 0 when null.</param>
    /// <exception cref="ArgumentException">A value is outside its range.</exception>
    public BatchNorm(
        int channels,
        double epsilon = 1e-5,
        double? momentum = 0.1,
        bool affine = true,
        bool unbiasedRunningVariance = true,
        Initializer? gammaInitializer = null,
        Initializer? betaInitializer = null)
    {
        if (channels <= 0)
            throw new ArgumentException($"BatchNorm: the channels must be positive, not {channels}.");
        RequireEpsilon(epsilon);
        if (momentum is { } weight && !(weight is >= 0 and <= 1))
            throw new ArgumentException($"BatchNorm: momentum {weight} is outside [0, 1].");
        Channels = channels;
        Epsilon = epsilon;
        Momentum = momentum;
        IsAffine = affine;
        UnbiasedRunningVariance = unbiasedRunningVariance;
        _gammaInitializer = gammaInitializer ?? Initializer.Constant(1);
        _betaInitializer = betaInitializer ?? Initializer.Constant(0);
    }

    /// <summary>C.</summary>
    public int Channels { get; }

    /// <summary>What is added to the variance.</summary>
    public double Epsilon { get; }

    /// <summary>The weight of the new batch in the running statistics; null for the cumulative average.</summary>
    public double? Momentum { get; }

    /// <summary>Whether there are gamma and beta.</summary>
    public bool IsAffine { get; }

    /// <summary>Whether the running variance is that of a sample.</summary>
    public bool UnbiasedRunningVariance { get; }

    /// <summary>Whether training too normalizes with the running statistics and leaves them as they are, as is usual
    /// in fine-tuning with small batches. Gamma and beta still learn.</summary>
    public bool FreezeStatistics { get; set; }

    /// <summary>[C]; null before the layer is initialized, or without affine parameters.</summary>
    public Parameter? Gamma { get; private set; }

    /// <summary>[C]; null before the layer is initialized, or without affine parameters.</summary>
    public Parameter? Beta { get; private set; }

    /// <summary>[C], 0 at first; null before the layer is initialized.</summary>
    public Tensor? RunningMean { get; private set; }

    /// <summary>[C], 1 at first; null before the layer is initialized.</summary>
    public Tensor? RunningVariance { get; private set; }

    /// <summary>Int64 [1], the number of batches the running statistics have seen; null before the layer is
    /// initialized.</summary>
    public Tensor? BatchesTracked { get; private set; }

    /// <inheritdoc/>
    protected internal override string Kind => "bn";

    /// <summary>Normalizes every channel of <paramref name="x"/> over batch and space: batch normalization as a plain
    /// function, without parameters to learn or statistics to keep.</summary>
    /// <param name="x">[N, C] or [N, C, ...spatial], at least two values per channel.</param>
    /// <param name="gamma">[C]; 1 when null.</param>
    /// <param name="beta">[C]; 0 when null.</param>
    /// <param name="epsilon">Added to the biased variance; positive.</param>
    /// <returns>A new tensor of the shape of <paramref name="x"/>, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape, element type or device does not fit.</exception>
    public static Tensor Normalize(Tensor x, Tensor? gamma = null, Tensor? beta = null, double epsilon = 1e-5)
    {
        ArgumentNullException.ThrowIfNull(x);
        RequireEpsilon(epsilon);
        if (!x.DType.IsReal())
            throw new ArgumentException($"BatchNorm.Normalize takes Float32 or Float64; x is a {x}.", nameof(x));
        if (x.Shape.Rank < 2)
            throw new ArgumentException($"BatchNorm.Normalize takes [N, C, ...]; x is {x.Shape}.", nameof(x));
        Shape perChannel = [x.Shape[1]];
        foreach (var (tensor, name) in new[] { (gamma, nameof(gamma)), (beta, nameof(beta)) })
        {
            if (tensor is not null
                && (tensor.Shape != perChannel || tensor.DType != x.DType || tensor.Device != x.Device))
                throw new ArgumentException(
                    $"BatchNorm.Normalize: {name} must be a {x.DType} tensor {perChannel} on {x.Device}, "
                    + $"not a {tensor}.", name);
        }

        var geometry = Geometry(x.Shape);
        RequireSeveralValues(geometry, x.Shape, layer: null);
        using var mean = new Tensor(perChannel, DType.Float64, x.Device);
        using var invStd = new Tensor(perChannel, DType.Float64, x.Device);
        var output = new Tensor(x.Shape, x.DType, x.Device);
        x.Device.Backend.BatchNormForward(new BatchNormForwardArgs(
            geometry, x, gamma, beta, epsilon, Running: null, output, mean, invStd));
        return output;
    }

    internal override ulong AddMode(ulong hash) => Mix(base.AddMode(hash), FreezeStatistics);

    private protected override void InitializeCore(ulong seed, ref uint stream)
    {
        Shape perChannel = [Channels];
        if (IsAffine)
        {
            var fan = new Fan(Channels, Channels);
            Gamma = AddParameter("weight", perChannel, _gammaInitializer, fan, seed, ref stream);
            Beta = AddParameter("bias", perChannel, _betaInitializer, fan, seed, ref stream);
        }

        RunningMean = AddStatistic("running_mean", perChannel, DType);
        RunningVariance = AddStatistic("running_var", perChannel, DType);
        Backend.Fill(RunningVariance, 1);
        BatchesTracked = AddStatistic("num_batches_tracked", [1], DType.Int64);
        _mean = new Tensor(perChannel, DType.Float64, Device);
        _invStd = new Tensor(perChannel, DType.Float64, Device);
    }

    private protected override Shape OutputShape(Shape input)
    {
        if (input.Rank < 2 || input[1] != Channels)
            throw new ArgumentException($"{Label} takes [N, {Channels}] or [N, {Channels}, ...]; its input is {input}.");
        return input;
    }

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        var geometry = Geometry(input.Shape);
        var usesRunningStatistics = !IsTraining || FreezeStatistics;
        if (usesRunningStatistics)
        {
            Backend.BatchNormFrozenForward(new BatchNormFrozenForwardArgs(
                geometry, input, Gamma?.Value, Beta?.Value, RunningMean!, RunningVariance!, Epsilon, output));
        }
        else
        {
            RequireSeveralValues(geometry, input.Shape, this);
            Backend.BatchNormForward(new BatchNormForwardArgs(
                geometry, input, Gamma?.Value, Beta?.Value, Epsilon, Running(), output, _mean!, _invStd!));
        }

        _lastUsedRunningStatistics = usesRunningStatistics;
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        var gradInput = GradInputFor(input, needsInputGradient);
        var geometry = Geometry(input.Shape);
        if (_lastUsedRunningStatistics)
        {
            Backend.BatchNormFrozenBackward(new BatchNormFrozenBackwardArgs(
                geometry, input, Gamma?.Value, RunningMean!, RunningVariance!, Epsilon, gradOutput, gradInput,
                Gamma?.Gradient, Beta?.Gradient));
        }
        else
        {
            Backend.BatchNormBackward(new BatchNormBackwardArgs(
                geometry, input, Gamma?.Value, _mean!, _invStd!, gradOutput, gradInput, Gamma?.Gradient,
                Beta?.Gradient));
        }

        return gradInput;
    }

    /// <summary>Checks the shape of an input as forward does.</summary>
    internal void RequireInput(Tensor input) => OutputShape(input.Shape);

    /// <summary>Checks an input of training as forward does.</summary>
    internal void RequireBatch(Tensor input) =>
        RequireSeveralValues(Geometry(input.Shape), input.Shape, this);

    internal BatchNormReLUMaxPoolForwardArgs FusedForwardArgs(
        Tensor input, PoolGeometry pool, Tensor output, Tensor argMax) => new(
        Geometry(input.Shape), pool, input, Gamma?.Value, Beta?.Value, Epsilon, Running(), output, _mean!, _invStd!,
        argMax);

    internal BatchNormFrozenReLUMaxPoolForwardArgs FusedFrozenForwardArgs(
        Tensor input, PoolGeometry pool, Tensor output) => new(
        Geometry(input.Shape), pool, input, Gamma?.Value, Beta?.Value, RunningMean!, RunningVariance!, Epsilon, output);

    internal BatchNormReLUMaxPoolBackwardArgs FusedBackwardArgs(
        Tensor input, PoolGeometry pool, Tensor argMax, Tensor gradOutput, Tensor? gradInput) => new(
        Geometry(input.Shape), pool, input, Gamma?.Value, _mean!, _invStd!, argMax, gradOutput, gradInput,
        Gamma?.Gradient, Beta?.Gradient);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _mean?.Dispose();
            _invStd?.Dispose();
        }

        base.Dispose(disposing);
    }

    private RunningStatistics Running() =>
        new(RunningMean!, RunningVariance!, BatchesTracked!, Momentum, UnbiasedRunningVariance);

    private static BatchNormGeometry Geometry(Shape input) =>
        new(input[0], input[1], input.ElementCount / input[0] / input[1]);

    private static void RequireEpsilon(double epsilon)
    {
        if (!(epsilon > 0) || double.IsInfinity(epsilon))
            throw new ArgumentException($"BatchNorm: epsilon {epsilon} must be positive and finite.");
    }

    // One value has no deviation, and its unbiased variance would be 0 / 0.
    private static void RequireSeveralValues(BatchNormGeometry geometry, Shape input, BatchNorm? layer)
    {
        if (geometry.ValuesPerChannel < 2)
            throw new ArgumentException(
                $"{layer?.Label ?? "BatchNorm.Normalize"}: training needs more than one value per channel; its input {input} has one.");
    }
}
