namespace CudaBn;

/// <summary>A layer made of layers, which it initializes, switches and disposes.</summary>
public abstract class Container : Layer
{
    private readonly Layer[] _layers;
    private readonly List<Parameter> _parameters = [];
    private readonly List<NamedTensor> _state = [];
    private bool _fusesLayers = true;

    private protected Container(Layer[] layers)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var all = new HashSet<Layer>();
        foreach (var layer in layers)
        {
            ArgumentNullException.ThrowIfNull(layer, nameof(layers));
            foreach (var inner in layer.SelfAndInnerLayers())
            {
                if (!all.Add(inner))
                    throw new ArgumentException($"{inner.Label} stands twice in a {GetType().Name}.", nameof(layers));
            }

            foreach (var name in layer.NamesOutside)
            {
                if (name.Length > 0 && !names.Add(name))
                    throw new ArgumentException(
                        $"Two layers of a {GetType().Name} are named '{name}'.", nameof(layers));
            }
        }

        _layers = layers;
    }

    /// <summary>The layers inside, in the order of their names in <see cref="State"/>.</summary>
    public IReadOnlyList<Layer> Layers => _layers;

    /// <summary>Whether neighbours that have an operator of their own together run as one (true, the default), such as
    /// batch normalization and ReLU, with a 2 x 2 max-pooling behind or the addition of a <see cref="Residual"/> in
    /// between, or a convolution or dense layer and ReLU. Outputs are the same bit for bit, gradients up to rounding; the
    /// layers in between then hold no outputs.
    /// Setting it sets it for the containers inside, too.</summary>
    public bool FusesLayers
    {
        get => _fusesLayers;
        set
        {
            _fusesLayers = value;
            foreach (var layer in _layers)
            {
                if (layer is Container container)
                    container.FusesLayers = value;
            }
        }
    }

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

    internal override IReadOnlyList<Layer> InnerLayers => _layers;

    internal override void Initialize(string prefix, Device device, DType dtype, ulong seed, ref uint stream)
    {
        base.Initialize(prefix, device, dtype, seed, ref stream);
        foreach (var layer in _layers)
        {
            layer.Initialize(layer.PrefixWithin(prefix), device, dtype, seed, ref stream);
            _parameters.AddRange(layer.Parameters);
            _state.AddRange(layer.State);
        }
    }

    internal override Layer Copy()
    {
        var copies = Array.ConvertAll(_layers, layer => layer.Copy());
        for (var i = 0; i < copies.Length; i++)
            copies[i].Name = _layers[i].Name;
        return Copy(copies);
    }

    /// <summary>A container of this kind and these modes, of other layers with names and modes of their own.</summary>
    internal Container Copy(Layer[] layers)
    {
        var copy = Create(layers);
        copy.TakeModes(IsTraining, FusesLayers);
        return copy;
    }

    private protected abstract Container Create(Layer[] layers);

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

    // Of this container alone.
    private void TakeModes(bool isTraining, bool fusesLayers)
    {
        base.IsTraining = isTraining;
        _fusesLayers = fusesLayers;
    }

    private protected override Shape OutputShape(Shape input) =>
        throw new InvalidOperationException($"The layers of a {GetType().Name} know their own shapes.");

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var layer in _layers)
                layer.Dispose();
        }

        base.Dispose(disposing);
    }
}
