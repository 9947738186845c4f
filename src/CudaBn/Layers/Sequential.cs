namespace CudaBn;

/// <summary>Layers in a row, each fed with the output of the one before.</summary>
public sealed class Sequential : Container
{
    private readonly FusedStep[][] _fused;
    private readonly List<IStep> _ran = [];

    /// <summary>Chains layers. Those without a name are named after their kind and its count: conv1, bn1, relu1,
    /// pool1, flatten1, fc1.</summary>
    /// <param name="layers">The layers, first to last; this object disposes them.</param>
    /// <exception cref="ArgumentException">There is no layer, one stands twice, or two have one name.</exception>
    public Sequential(params ReadOnlySpan<Layer> layers)
        : base(layers.ToArray())
    {
        if (layers.IsEmpty)
            throw new ArgumentException("Sequential needs at least one layer.", nameof(layers));
        NameNameless(layers);
        _fused = new FusedStep[layers.Length][];
        for (var i = 0; i < layers.Length; i++)
            _fused[i] = FusedStep.At(layers[i..]);
    }

    /// <summary>Whether the names of the tensors inside leave out the name of this container (false by default): for weights
    /// of a model elsewhere that has the same layers without it, such as <c>block1.conv1.weight</c> where
    /// <c>block1.main.conv1.weight</c> would be.</summary>
    public bool OmitsName { get; init; }

    /// <inheritdoc/>
    protected internal override string Kind => "sequential";

    /// <summary>What runs the steps of passes in this container's place; null for none.</summary>
    internal IStepWatch? Watch { get; set; }

    /// <summary>Makes a model for inference: every <see cref="BatchNorm"/> right behind a convolution or a dense layer is
    /// folded into its weight and bias, here and in the containers inside, and costs nothing any more.</summary>
    /// <remarks>Folding takes the running statistics: outputs are those of this model in evaluation, up to rounding. Weights
    /// are worked out in double. What cannot be folded stays: a normalization behind anything else, without running
    /// statistics, or behind the end of a <see cref="Residual"/>. The new model starts in evaluation. It consists of ordinary
    /// layers with the names they have here, so it computes gradients and may be trained, without the normalizations that
    /// are gone.</remarks>
    /// <returns>A model of its own on the same device: this one stays as it is and may be disposed. The caller disposes
    /// it.</returns>
    /// <exception cref="InvalidOperationException">The layer is not initialized.</exception>
    public Sequential Fuse() => BatchNormFolding.Fold(this);

    private protected override Container Create(Layer[] layers) => new Sequential(layers) { OmitsName = OmitsName };

    internal override IEnumerable<string> NamesOutside =>
        OmitsName ? Layers.SelectMany(layer => layer.NamesOutside) : base.NamesOutside;

    internal override string PrefixWithin(string outer) => OmitsName ? outer : base.PrefixWithin(outer);

    private protected override Tensor ForwardCore(Tensor input) => ForwardFirst(Layers.Count, input);

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient) =>
        BackwardOfLast(gradOutput, needsInputGradient);

    /// <summary>Runs some of the layers, from the first on.</summary>
    /// <param name="count">How many: none of those that run as one may be left out.</param>
    /// <param name="input">A validated input.</param>
    internal Tensor ForwardFirst(int count, Tensor input)
    {
        // A layer that refuses its input leaves those before it with new outputs, which fit no backward pass.
        ForgetForward();
        _ran.Clear();
        for (var i = 0; i < count; i += _ran[^1].LayerCount)
        {
            var step = StepAt(i, input);
            input = Watch is null ? step.Forward(input) : Watch.Forward(this, i, step, input);
            _ran.Add(step);
        }

        return input;
    }

    /// <summary>Computes the gradients of those layers that ran last.</summary>
    internal Tensor? BackwardOfLast(Tensor gradOutput, bool needsInputGradient)
    {
        Tensor? gradient = gradOutput;
        var lowest = needsInputGradient ? 0 : LowestStepToTrain();
        for (var i = _ran.Count - 1; i >= lowest; i--)
        {
            var needed = needsInputGradient || i > lowest;
            gradient = Watch is null
                ? _ran[i].Backward(gradient!, needed)
                : Watch.Backward(_ran[i], gradient!, needed);
        }

        return needsInputGradient ? gradient : null;
    }

    // Nothing before it changes in training: the backward pass may end there.
    private int LowestStepToTrain()
    {
        var index = 0;
        while (index < _ran.Count && !_ran[index].RequiresGradient)
            index++;
        return index;
    }

    private IStep StepAt(int index, Tensor input)
    {
        if (FusesLayers)
        {
            foreach (var fused in _fused[index])
            {
                if (fused.Takes(input))
                    return fused;
            }
        }

        return Layers[index];
    }

    private static void NameNameless(ReadOnlySpan<Layer> layers)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var layer in layers)
            names.UnionWith(layer.NamesOutside);
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var layer in layers)
        {
            var count = counts[layer.Kind] = counts.GetValueOrDefault(layer.Kind) + 1;
            while (layer.Name.Length == 0)
            {
                if (names.Add($"{layer.Kind}{count}"))
                    layer.Name = $"{layer.Kind}{count}";
                else
                    count = ++counts[layer.Kind];
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var fused in _fused.SelectMany(steps => steps))
                fused.Dispose();
        }

        base.Dispose(disposing);
    }
}
