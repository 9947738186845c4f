namespace CudaBn;

/// <summary>Layers in a row, each fed with the output of the one before.</summary>
public sealed class Sequential : Layer
{
    // At the place of a batch normalization: how it runs as one with the two layers behind it. Else null.
    private readonly FusedBatchNormReLUMaxPool?[] _fused;
    private readonly bool[] _ranFused;
    private readonly Layer[] _layers;
    private readonly List<Parameter> _parameters = [];
    private readonly List<NamedTensor> _state = [];

    /// <summary>Chains layers. Those without a name are named after their kind and its count: conv1, bn1, relu1,
    /// pool1, flatten1, fc1.</summary>
    /// <param name="layers">The layers, first to last; this object disposes them.</param>
    /// <exception cref="ArgumentException">There is no layer, one stands twice, or two have one name.</exception>
    public Sequential(params ReadOnlySpan<Layer> layers)
    {
        if (layers.IsEmpty)
            throw new ArgumentException("Sequential needs at least one layer.", nameof(layers));
        _layers = layers.ToArray();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < _layers.Length; i++)
        {
            var layer = _layers[i];
            ArgumentNullException.ThrowIfNull(layer, nameof(layers));
            if (Array.IndexOf(_layers, layer) < i)
                throw new ArgumentException($"{layer.Label} stands twice in a Sequential.", nameof(layers));
            if (layer.Name.Length > 0 && !names.Add(layer.Name))
                throw new ArgumentException($"Two layers of a Sequential are named '{layer.Name}'.", nameof(layers));
        }

        foreach (var layer in _layers)
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

        _fused = new FusedBatchNormReLUMaxPool?[_layers.Length];
        _ranFused = new bool[_layers.Length];
        for (var i = 0; i + 2 < _layers.Length; i++)
        {
            if (_layers[i] is BatchNorm batchNorm && _layers[i + 1] is ReLU relu && _layers[i + 2] is MaxPool2d pool
                && FusedBatchNormReLUMaxPool.Takes(pool))
                _fused[i] = new FusedBatchNormReLUMaxPool(batchNorm, relu, pool);
        }
    }

    /// <summary>Whether neighbours that have an operator of their own together, such as batch normalization, ReLU and
    /// 2 x 2 max-pooling, run as one (true, the default). Outputs are the same bit for bit, gradients up to
    /// rounding; the layers in between then hold no outputs.</summary>
    public bool FusesLayers { get; set; } = true;

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<Layer> Layers => _layers;

    /// <inheritdoc/>
    public override bool IsTraining
    {
        get => base.IsTraining;
        set
        {
            base.IsTraining = value;
            foreach (var layer in _layers)
                layer.IsTraining = value;
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => IsInitialized ? _parameters : throw NotInitialized();

    /// <inheritdoc/>
    public override IReadOnlyList<NamedTensor> State => IsInitialized ? _state : throw NotInitialized();

    /// <inheritdoc/>
    protected internal override string Kind => "sequential";

    internal override IReadOnlyList<Layer> InnerLayers => _layers;

    internal override void Initialize(string prefix, Device device, DType dtype, ulong seed, ref uint stream)
    {
        base.Initialize(prefix, device, dtype, seed, ref stream);
        foreach (var layer in _layers)
        {
            layer.Initialize($"{prefix}{layer.Name}.", device, dtype, seed, ref stream);
            _parameters.AddRange(layer.Parameters);
            _state.AddRange(layer.State);
        }
    }

    internal override void ForgetForward()
    {
        base.ForgetForward();
        foreach (var layer in _layers)
            layer.ForgetForward();
    }

    internal override ulong AddMode(ulong hash)
    {
        hash = Mix(base.AddMode(hash), FusesLayers);
        foreach (var layer in _layers)
            hash = layer.AddMode(hash);
        return hash;
    }

    private protected override Shape OutputShape(Shape input) =>
        throw new InvalidOperationException("The layers of a Sequential know their own shapes.");

    private protected override Tensor ForwardCore(Tensor input)
    {
        // A layer that refuses its input leaves those before it with new outputs, which fit no backward pass.
        ForgetForward();
        for (var i = 0; i < _layers.Length; i++)
        {
            var fused = _fused[i];
            _ranFused[i] = FusesLayers && fused is not null && fused.Takes(input);
            if (_ranFused[i])
            {
                input = fused!.Forward(input);
                i += 2;
            }
            else
            {
                input = _layers[i].Forward(input);
            }
        }

        return input;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        Tensor? gradient = gradOutput;
        var lowest = needsInputGradient ? 0 : LowestLayerToTrain();
        for (var i = _layers.Length - 1; i >= lowest; i--)
        {
            if (i >= 2 && _ranFused[i - 2])
            {
                i -= 2;
                gradient = _fused[i]!.Backward(gradient!, needsInputGradient || i > lowest);
            }
            else
            {
                gradient = _layers[i].Backward(gradient!, needsInputGradient || i > lowest);
            }
        }

        return needsInputGradient ? gradient : null;
    }

    // Nothing before it changes in training: the backward pass may end there.
    private int LowestLayerToTrain()
    {
        var index = 0;
        while (index < _layers.Length && !_layers[index].RequiresGradient)
            index++;
        return index;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var layer in _layers)
                layer.Dispose();
            foreach (var fused in _fused)
                fused?.Dispose();
        }

        base.Dispose(disposing);
    }
}
