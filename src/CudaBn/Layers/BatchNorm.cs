using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Batch normalization of any input [N, C] or [N, C, ...spatial], or channels-last [N, ...spatial, C], channel by
/// channel.</summary>
/// <remarks>Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
/// Shift", 2015. In training, with M = N * spatial values per channel: y = gamma * (x - mean) / sqrt(v + epsilon) +
/// beta with the biased variance v of the batch, and the running statistics become (1 - momentum) * old + momentum *
/// batch. In evaluation, and in training with <see cref="FreezeStatistics"/>, mean and v are the running ones.
/// <para>With virtual batches (Hoffer, Hubara and Soudry, "Train longer, generalize better", 2017, algorithm 1: ghost batch
/// normalization) training normalizes every group of so many consecutive images by itself; each group moves the running
/// statistics, first to last.</para></remarks>
public sealed class BatchNorm : Layer
{
    private readonly Initializer _gammaInitializer;
    private readonly Initializer _betaInitializer;
    private readonly NormalizedBatches _wholeBatch;
    private readonly NormalizedBatches? _virtualBatches;
    private PopulationStatistics? _population;
    private NormalizedBatches? _last;

    /// <summary>Describes the layer in PyTorch's convention; <see cref="Layer.Initialize(Device, DType, ulong)"/> makes its
    /// parameters.</summary>
    /// <param name="channels">C.</param>
    /// <param name="epsilon">Added to the variance; positive.</param>
    /// <param name="momentum">The weight of the new batch in the running statistics, in [0, 1], as in PyTorch (ONNX,
    /// MXNet and Keras write 1 - momentum). Null for the cumulative average of all batches.</param>
    /// <param name="affine">Whether there are gamma and beta.</param>
    /// <param name="unbiasedRunningVariance">Whether the running variance takes v * M / (M - 1), as in PyTorch, or the
    /// biased v, as in ONNX and MXNet.</param>
    /// <param name="gammaInitializer">First values of gamma; 1 when null.</param>
    /// <param name="betaInitializer">First values of beta; 0 when null.</param>
    /// <param name="channelsLast">Whether inputs are [N, ..., C] instead of [N, C, ...].</param>
    /// <param name="trackRunningStatistics">Whether there are running statistics. Without, evaluation too normalizes with
    /// the statistics of its batch.</param>
    /// <param name="virtualBatchSize">Images that training normalizes together; the last of a batch may be fewer. Null for
    /// the whole batch.</param>
    /// <param name="fixGamma">Whether gamma stays 1 and gets no gradient, while beta learns.</param>
    /// <exception cref="ArgumentException">A value is outside its range.</exception>
    public BatchNorm(
        int channels,
        double epsilon = 1e-5,
        double? momentum = 0.1,
        bool affine = true,
        bool unbiasedRunningVariance = true,
        Initializer? gammaInitializer = null,
        Initializer? betaInitializer = null,
        bool channelsLast = false,
        bool trackRunningStatistics = true,
        int? virtualBatchSize = null,
        bool fixGamma = false)
    {
        if (channels <= 0)
            throw new ArgumentException($"BatchNorm: the channels must be positive, not {channels}.");
        RequireEpsilon(epsilon);
        RequireMomentum(momentum);
        if (virtualBatchSize <= 0)
            throw new ArgumentException($"BatchNorm: the virtual batch size must be positive, not {virtualBatchSize}.");
        if (fixGamma && (!affine || gammaInitializer is not null))
            throw new ArgumentException(
                "BatchNorm: a fixed gamma is 1; it needs affine parameters and takes no initializer.");
        Channels = channels;
        Epsilon = epsilon;
        Momentum = momentum;
        IsAffine = affine;
        UnbiasedRunningVariance = unbiasedRunningVariance;
        ChannelsLast = channelsLast;
        TracksRunningStatistics = trackRunningStatistics;
        VirtualBatchSize = virtualBatchSize;
        FixesGamma = fixGamma;
        _gammaInitializer = gammaInitializer ?? Initializer.Constant(1);
        _betaInitializer = betaInitializer ?? Initializer.Constant(0);
        _wholeBatch = new NormalizedBatches(size: null, channels);
        if (virtualBatchSize is not null)
            _virtualBatches = new NormalizedBatches(virtualBatchSize, channels);
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

    /// <summary>Whether inputs are [N, ..., C] instead of [N, C, ...].</summary>
    public bool ChannelsLast { get; }

    /// <summary>Whether there are running statistics, which evaluation then uses.</summary>
    public bool TracksRunningStatistics { get; }

    /// <summary>Images that training normalizes together; null for the whole batch.</summary>
    public int? VirtualBatchSize { get; }

    /// <summary>Whether gamma stays 1 and gets no gradient.</summary>
    public bool FixesGamma { get; }

    /// <summary>Whether training too normalizes with the running statistics and leaves them as they are, as is usual
    /// in fine-tuning with small batches. Gamma and beta still learn.</summary>
    /// <exception cref="ArgumentException">The layer keeps no running statistics.</exception>
    public bool FreezeStatistics
    {
        get;
        set
        {
            if (value && !TracksRunningStatistics)
                throw new ArgumentException($"{Label} keeps no running statistics that could be frozen.");
            field = value;
        }
    }

    /// <summary>[C]; null before the layer is initialized, or without affine parameters. Where it is fixed, its value
    /// counts as 1 and its gradient is 0.</summary>
    public Parameter? Gamma { get; private set; }

    /// <summary>[C]; null before the layer is initialized, or without affine parameters.</summary>
    public Parameter? Beta { get; private set; }

    /// <summary>[C], 0 at first; null before the layer is initialized, or where none are tracked.</summary>
    public Tensor? RunningMean { get; private set; }

    /// <summary>[C], 1 at first; null before the layer is initialized, or where none are tracked.</summary>
    public Tensor? RunningVariance { get; private set; }

    /// <summary>Int64 [1], the number of batches, or virtual batches, that the running statistics have seen; null before
    /// the layer is initialized, or where none are tracked.</summary>
    public Tensor? BatchesTracked { get; private set; }

    /// <inheritdoc/>
    protected internal override string Kind => "bn";

    /// <summary>What scales; null for 1.</summary>
    internal Tensor? GammaValue => FixesGamma ? null : Gamma?.Value;

    private Tensor? GradGamma => FixesGamma ? null : Gamma?.RequiredGradient;

    private Tensor? GradBeta => Beta?.RequiredGradient;

    /// <summary>Describes the layer in the convention of a library.</summary>
    /// <param name="channels">C.</param>
    /// <param name="convention">Epsilon, momentum, which variance is stored, and whether gamma is fixed.</param>
    /// <param name="affine">Whether there are gamma and beta.</param>
    /// <param name="channelsLast">Whether inputs are [N, ..., C] instead of [N, C, ...].</param>
    /// <param name="trackRunningStatistics">Whether there are running statistics.</param>
    /// <param name="virtualBatchSize">Images that training normalizes together; null for the whole batch.</param>
    /// <param name="gammaInitializer">First values of gamma; 1 when null.</param>
    /// <param name="betaInitializer">First values of beta; 0 when null.</param>
    /// <returns>The layer, which the caller disposes or gives to a <see cref="Sequential"/>.</returns>
    /// <exception cref="ArgumentException">A value is outside its range.</exception>
    public static BatchNorm Create(
        int channels,
        BatchNormConvention convention,
        bool affine = true,
        bool channelsLast = false,
        bool trackRunningStatistics = true,
        int? virtualBatchSize = null,
        Initializer? gammaInitializer = null,
        Initializer? betaInitializer = null)
    {
        ArgumentNullException.ThrowIfNull(convention);
        return new BatchNorm(
            channels, convention.Epsilon, convention.WeightOfTheNew, affine, convention.UnbiasedRunningVariance,
            gammaInitializer, betaInitializer, channelsLast, trackRunningStatistics, virtualBatchSize,
            fixGamma: convention.FixesGamma && affine);
    }

    /// <summary>Computes the running statistics of every batch normalization in a model anew, as mean and variance over
    /// all given batches, which fit the model's present weights better than moving averages do.</summary>
    /// <remarks>Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3: precise batch normalization. Variances
    /// are merged with the means they belong to, not averaged. Parameters, modes, momentum and the masks that a
    /// <see cref="Dropout"/> takes next stay as they are;
    /// <see cref="BatchesTracked"/> becomes the number of batches. Layers with frozen statistics, or without any, are left
    /// alone. If the call fails, all statistics are as before.</remarks>
    /// <param name="model">An initialized model.</param>
    /// <param name="batches">Inputs of the model, such as a few thousand training images.</param>
    /// <exception cref="ArgumentException">There is no batch, a batch does not fit, or the model has no running
    /// statistics.</exception>
    /// <exception cref="InvalidOperationException">The model is not initialized.</exception>
    public static void RecomputeStatistics(Layer model, IEnumerable<Tensor> batches)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batches);
        var layers = model.SelfAndInnerLayers().ToArray();
        var modes = Array.ConvertAll(layers, layer => layer.IsTraining);
        (Tensor Tensor, long[] Value)[] randomState =
            model.IsInitialized ? [.. model.RandomState.Select(state => (state.Tensor, state.Tensor.ToArray<long>()))] : [];
        var norms = layers.OfType<BatchNorm>().Where(norm => norm is { TracksRunningStatistics: true, FreezeStatistics: false })
            .ToArray();
        if (norms.Length == 0)
            throw new ArgumentException(
                $"{model.Label} has no batch normalization whose statistics could be computed anew.", nameof(model));
        try
        {
            foreach (var norm in norms)
                norm._population = new PopulationStatistics(norm.Channels, norm.DType, norm.Device);
            model.IsTraining = true;
            foreach (var batch in batches)
                model.Forward(batch);
            if (norms.Any(norm => norm._population!.Batches == 0))
                throw new ArgumentException("BatchNorm.RecomputeStatistics needs at least one batch.", nameof(batches));
            foreach (var norm in norms)
                norm.StorePopulation();
        }
        finally
        {
            foreach (var norm in norms)
            {
                norm._population?.Dispose();
                norm._population = null;
            }

            // A model hands its mode down to the layers inside: those come after it.
            for (var i = 0; i < layers.Length; i++)
                layers[i].IsTraining = modes[i];
            foreach (var (tensor, value) in randomState)
                tensor.CopyFrom<long>(value);
            model.ForgetForward();
        }
    }

    /// <inheritdoc cref="RecomputeStatistics(Layer, IEnumerable{Tensor})"/>
    /// <param name="model">An initialized model.</param>
    /// <param name="batches">Batches whose images are inputs of the model: such as a <see cref="DataLoader"/>, of which
    /// that takes an epoch.</param>
    public static void RecomputeStatistics(Layer model, IEnumerable<Batch> batches)
    {
        ArgumentNullException.ThrowIfNull(batches);
        RecomputeStatistics(model, batches.Select(batch => batch.Images));
    }

    /// <summary>Normalizes every channel of <paramref name="x"/> over batch and space: batch normalization as a plain
    /// function, without parameters to learn or statistics to keep.</summary>
    /// <param name="x">[N, C] or [N, C, ...spatial], at least two values per channel.</param>
    /// <param name="gamma">[C]; 1 when null.</param>
    /// <param name="beta">[C]; 0 when null.</param>
    /// <param name="epsilon">Added to the biased variance; positive.</param>
    /// <param name="channelsLast">Whether <paramref name="x"/> is [N, ..., C] instead.</param>
    /// <returns>A new tensor of the shape of <paramref name="x"/>, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape, element type or device does not fit.</exception>
    public static Tensor Normalize(
        Tensor x, Tensor? gamma = null, Tensor? beta = null, double epsilon = 1e-5, bool channelsLast = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        RequireEpsilon(epsilon);
        if (!x.DType.IsReal())
            throw new ArgumentException($"BatchNorm.Normalize takes Float32 or Float64; x is a {x}.", nameof(x));
        RequireEpsilon(epsilon, x.DType, "BatchNorm.Normalize");
        if (x.Shape.Rank < 2)
            throw new ArgumentException(
                $"BatchNorm.Normalize takes {(channelsLast ? "[N, ..., C]" : "[N, C, ...]")}; x is {x.Shape}.", nameof(x));
        Shape perChannel = [ChannelsOf(x.Shape, channelsLast)];
        foreach (var (tensor, name) in new[] { (gamma, nameof(gamma)), (beta, nameof(beta)) })
        {
            if (tensor is not null
                && (tensor.Shape != perChannel || tensor.DType != x.DType || tensor.Device != x.Device))
                throw new ArgumentException(
                    $"BatchNorm.Normalize: {name} must be a {x.DType} tensor {perChannel} on {x.Device}, "
                    + $"not a {tensor}.", name);
        }

        var geometry = Geometry(x.Shape, channelsLast);
        if (geometry.ValuesPerChannel < 2)
            throw new ArgumentException(
                "BatchNorm.Normalize: the statistics of a batch need more than one value per channel; "
                + $"x of {x.Shape} has one.");
        using var mean = new Tensor(perChannel, DType.Float64, x.Device);
        using var invStd = new Tensor(perChannel, DType.Float64, x.Device);
        var output = new Tensor(x.Shape, x.DType, x.Device);
        x.Device.Backend.BatchNormForward(new BatchNormForwardArgs(
            geometry, x, gamma, beta, epsilon, Running: null, output, mean, invStd));
        return output;
    }

    internal override Layer Copy() => new BatchNorm(
        Channels, Epsilon, Momentum, IsAffine, UnbiasedRunningVariance, FixesGamma ? null : _gammaInitializer,
        _betaInitializer, ChannelsLast, TracksRunningStatistics, VirtualBatchSize, FixesGamma)
    {
        IsTraining = IsTraining,
        FreezeStatistics = FreezeStatistics,
    };

    internal override ulong AddMode(ulong hash) => Mix(base.AddMode(hash), FreezeStatistics);

    private protected override void RequireRepresentable(DType dtype) => RequireEpsilon(Epsilon, dtype, Label);

    private protected override void InitializeCore(ulong seed, ref uint stream)
    {
        Shape perChannel = [Channels];
        if (IsAffine)
        {
            var fan = new Fan(Channels, Channels);
            Gamma = AddParameter("weight", perChannel, _gammaInitializer, fan, seed, ref stream);
            Gamma.RequiresGradient = !FixesGamma;
            Beta = AddParameter("bias", perChannel, _betaInitializer, fan, seed, ref stream);
        }

        if (TracksRunningStatistics)
        {
            RunningMean = AddStatistic("running_mean", perChannel, DType);
            RunningVariance = AddStatistic("running_var", perChannel, DType);
            Backend.Fill(RunningVariance, 1);
            BatchesTracked = AddStatistic("num_batches_tracked", [1], DType.Int64);
        }
    }

    private protected override void SetFrozen(bool isFrozen)
    {
        base.SetFrozen(isFrozen);
        if (FixesGamma && Gamma is not null)
            Gamma.RequiresGradient = false;
        FreezeStatistics = isFrozen && TracksRunningStatistics;
    }

    private protected override Shape OutputShape(Shape input)
    {
        if (input.Rank < 2 || ChannelsOf(input, ChannelsLast) != Channels)
            throw new ArgumentException(
                ChannelsLast
                    ? $"{Label} takes [N, {Channels}] or [N, ..., {Channels}]; its input is {input}."
                    : $"{Label} takes [N, {Channels}] or [N, {Channels}, ...]; its input is {input}.");
        return input;
    }

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        var batches = BatchesOf(input);
        if (batches is null)
            Backend.BatchNormFrozenForward(FrozenForwardArgs(input, output));
        for (var i = 0; i < batches?.CountIn(input.Shape); i++)
        {
            Backend.BatchNormForward(ForwardArgs(batches, i, input, output));
            AddToPopulation(batches, i, input);
        }

        _last = batches;
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        var gradInput = GradInputFor(input, needsInputGradient);
        if (gradInput is not null || GradGamma is not null || GradBeta is not null)
            Backward(_last, input, gradOutput, gradInput);
        return gradInput;
    }

    /// <summary>Computes the gradients of a forward pass that normalized by some batches, or by the running statistics where
    /// they are null.</summary>
    internal void Backward(NormalizedBatches? batches, Tensor input, Tensor gradOutput, Tensor? gradInput)
    {
        if (batches is null)
        {
            Backend.BatchNormFrozenBackward(FrozenBackwardArgs(input, gradOutput, gradInput));
            return;
        }

        for (var i = 0; i < batches.CountIn(input.Shape); i++)
            Backend.BatchNormBackward(BackwardArgs(batches, i, input, gradOutput, gradInput));
        SumGradients(batches, input);
    }

    /// <summary>The batches whose own statistics normalize an input in the present mode; null where the running ones
    /// do.</summary>
    /// <exception cref="ArgumentException">A channel has one value in one of them.</exception>
    internal NormalizedBatches? BatchesOf(Tensor input)
    {
        if (TracksRunningStatistics && (!IsTraining || FreezeStatistics))
            return null;
        var batches = IsTraining && _virtualBatches is not null ? _virtualBatches : _wholeBatch;
        RequireDeviations(batches, input);
        return batches;
    }

    /// <summary>What normalizes one of an input's batches with its own statistics.</summary>
    internal BatchNormForwardArgs ForwardArgs(NormalizedBatches batches, int index, Tensor input, Tensor output)
    {
        var (part, count) = (batches.Part(input, index), batches.CountIn(input.Shape));
        return new BatchNormForwardArgs(
            Geometry(part.Shape, ChannelsLast), part, GammaValue, Beta?.Value, Epsilon, Running(),
            batches.Part(output, index), batches.Mean(index, count, Device), batches.InvStd(index, count, Device));
    }

    internal BatchNormFrozenForwardArgs FrozenForwardArgs(Tensor input, Tensor output) => new(
        Geometry(input.Shape, ChannelsLast), input, GammaValue, Beta?.Value, RunningMean!, RunningVariance!, Epsilon,
        output);

    /// <summary>What computes the gradients of one of an input's batches; after the last, <see cref="SumGradients"/> makes
    /// gamma's and beta's of them.</summary>
    internal BatchNormBackwardArgs BackwardArgs(
        NormalizedBatches batches, int index, Tensor input, Tensor gradOutput, Tensor? gradInput)
    {
        var (part, count) = (batches.Part(input, index), batches.CountIn(input.Shape));
        return new BatchNormBackwardArgs(
            Geometry(part.Shape, ChannelsLast), part, GammaValue, batches.Mean(index, count, Device),
            batches.InvStd(index, count, Device), batches.Part(gradOutput, index), batches.Part(gradInput, index),
            GradGammaOf(batches, index, count), GradBetaOf(batches, index, count));
    }

    internal BatchNormFrozenBackwardArgs FrozenBackwardArgs(Tensor input, Tensor gradOutput, Tensor? gradInput) => new(
        Geometry(input.Shape, ChannelsLast), input, GammaValue, RunningMean!, RunningVariance!, Epsilon, gradOutput,
        gradInput, GradGamma, GradBeta);

    /// <summary>Takes note of a batch just normalized, while statistics are computed anew.</summary>
    internal void AddToPopulation(NormalizedBatches batches, int index, Tensor input)
    {
        if (_population is null)
            return;
        var part = batches.Part(input, index);
        _population.Add(
            Geometry(part.Shape, ChannelsLast).ValuesPerChannel,
            batches.Mean(index, batches.CountIn(input.Shape), Device));
    }

    /// <summary>Adds up what the batches of an input, where they are several, gave to the gradients of gamma and
    /// beta.</summary>
    internal void SumGradients(NormalizedBatches batches, Tensor input)
    {
        var count = batches.CountIn(input.Shape);
        if (count == 1)
            return;
        if (GradGamma is { } gamma)
            Backend.SumRows(new SumRowsArgs(count, Channels, batches.GradGamma(count, DType, Device).All, gamma));
        if (GradBeta is { } beta)
            Backend.SumRows(new SumRowsArgs(count, Channels, batches.GradBeta(count, DType, Device).All, beta));
    }

    /// <summary>Checks the shape of an input as forward does.</summary>
    internal void RequireInput(Tensor input) => OutputShape(input.Shape);

    internal BatchNormReLUMaxPoolForwardArgs FusedForwardArgs(
        NormalizedBatches batches, int index, Tensor input, MaxPool2d pool, Tensor output, Tensor argMax, Tensor winners)
    {
        var norm = ForwardArgs(batches, index, input, output);
        return new BatchNormReLUMaxPoolForwardArgs(
            norm.Geometry, pool.Geometry(norm.Input.Shape, norm.Output.Shape), norm.Input, norm.Gamma, norm.Beta,
            norm.Epsilon, norm.Running, norm.Output, norm.Mean, norm.InvStd, batches.Part(argMax, index),
            batches.Part(winners, index));
    }

    internal BatchNormFrozenReLUMaxPoolForwardArgs FusedFrozenForwardArgs(
        Tensor input, PoolGeometry pool, Tensor output) => new(
        Geometry(input.Shape, channelsLast: false), pool, input, GammaValue, Beta?.Value, RunningMean!, RunningVariance!,
        Epsilon, output);

    internal BatchNormReLUMaxPoolBackwardArgs FusedBackwardArgs(
        NormalizedBatches batches, int index, Tensor input, MaxPool2d pool, Tensor argMax, Tensor winners,
        Tensor gradOutput, Tensor? gradInput)
    {
        var norm = BackwardArgs(batches, index, input, gradOutput, gradInput);
        return new BatchNormReLUMaxPoolBackwardArgs(
            norm.Geometry, pool.Geometry(norm.Input.Shape, norm.GradOutput.Shape), norm.Input, norm.Gamma, Beta?.Value,
            norm.Mean, norm.InvStd, batches.Part(argMax, index), batches.Part(winners, index), norm.GradOutput,
            norm.GradInput, norm.GradGamma, norm.GradBeta);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _wholeBatch.Dispose();
            _virtualBatches?.Dispose();
        }

        base.Dispose(disposing);
    }

    private static int ChannelsOf(Shape input, bool channelsLast) => input[channelsLast ? input.Rank - 1 : 1];

    // A matrix, and images whose channels come last, are rows of channels; an only channel is one plane.
    private static BatchNormGeometry Geometry(Shape input, bool channelsLast)
    {
        var channels = ChannelsOf(input, channelsLast);
        var values = input.ElementCount / channels;
        if (!channelsLast && input.Rank > 2)
            return new BatchNormGeometry(input[0], channels, values / input[0]);
        return channels == 1 ? new BatchNormGeometry(1, 1, values) : new BatchNormGeometry(values, channels, 1);
    }

    internal static void RequireEpsilon(double epsilon, string name = nameof(BatchNorm))
    {
        if (!(epsilon > 0) || double.IsInfinity(epsilon))
            throw new ArgumentException($"{name}: epsilon {epsilon} must be positive and finite.");
    }

    // Where all values are equal, 1 / sqrt(epsilon) multiplies 0.
    private static void RequireEpsilon(double epsilon, DType dtype, string name)
    {
        if (double.IsInfinity(dtype.Round(1 / Math.Sqrt(epsilon))))
            throw new ArgumentException($"{name}: epsilon {epsilon} is too small: 1 / sqrt(epsilon) is no {dtype}.");
    }

    internal static void RequireMomentum(double? momentum, string name = nameof(BatchNorm))
    {
        if (momentum is { } weight && !(weight is >= 0 and <= 1))
            throw new ArgumentException($"{name}: momentum {weight} is outside [0, 1].");
    }

    /// <summary>The statistics that a batch moves; null where there are none.</summary>
    private RunningStatistics? Running()
    {
        if (_population is { } population)
            return population.OfBatch;
        return TracksRunningStatistics
            ? new RunningStatistics(RunningMean!, RunningVariance!, BatchesTracked!, Momentum, UnbiasedRunningVariance)
            : null;
    }

    // One value has no deviation, and its unbiased variance would be 0 / 0.
    private void RequireDeviations(NormalizedBatches batches, Tensor input)
    {
        var left = batches.LastIn(input.Shape);
        if (Geometry(input.Shape, ChannelsLast).ValuesPerChannel / input.Shape[0] * left > 1)
            return;
        throw new ArgumentException(batches.CountIn(input.Shape) > 1
            ? $"{Label}: training needs more than one value per channel; of its input {input.Shape}, virtual batches of "
                + $"{VirtualBatchSize} leave {left} for the last, with one."
            : $"{Label}: {(IsTraining ? "training" : "evaluation without running statistics")} needs more than one value "
                + $"per channel; its input {input.Shape} has one.");
    }

    private Tensor? GradGammaOf(NormalizedBatches batches, int index, int count) =>
        GradGamma is null || count == 1 ? GradGamma : batches.GradGamma(count, DType, Device).Rows[index];

    private Tensor? GradBetaOf(NormalizedBatches batches, int index, int count) =>
        GradBeta is null || count == 1 ? GradBeta : batches.GradBeta(count, DType, Device).Rows[index];

    private void StorePopulation()
    {
        _population!.Store(RunningMean!, RunningVariance!, UnbiasedRunningVariance);
        BatchesTracked!.CopyFrom<long>([_population.Batches]);
    }
}
