using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Finds out which of the tensors of a step was the first that is not finite. They are noted in the order in which
/// they were made, and looked at together: the device is waited for once.</summary>
internal sealed class NonFiniteSearch(Layer model, Optimizer optimizer) : ILayerObserver, IDisposable
{
    private readonly List<Noted> _noted = [];
    private readonly List<Tensor> _tensors = [];
    private readonly List<(Container Container, bool Fused)> _containers = [];
    private readonly Workspace _indices = new();

    /// <summary>Starts anew, and takes note of what layers make, one by one, until <see cref="StopObserving"/>.</summary>
    public void StartObserving()
    {
        Clear();
        foreach (var layer in model.SelfAndInnerLayers())
        {
            layer.Observer = this;
            if (layer is Container container)
                _containers.Add((container, container.FusesLayers));
        }

        // Layers that run as one show nothing of what is between them.
        foreach (var (container, _) in _containers)
            container.FusesLayers = false;
    }

    public void StopObserving()
    {
        foreach (var layer in model.SelfAndInnerLayers())
            layer.Observer = null;
        // From the outermost in: setting one sets those inside it.
        foreach (var (container, fused) in _containers)
            container.FusesLayers = fused;
        _containers.Clear();
    }

    public void Note(NonFiniteOrigin origin, string layer, string layerType, string name, Tensor tensor)
    {
        _noted.Add(new Noted(origin, layer, layerType, name));
        _tensors.Add(tensor);
    }

    public void AfterForward(Layer layer, Tensor output) =>
        Note(NonFiniteOrigin.Forward, layer, "the output", output);

    public void AfterBackward(Layer layer, Tensor? gradInput)
    {
        if (layer.InnerLayers.Count == 0)
        {
            foreach (var parameter in layer.Parameters)
            {
                if (parameter.RequiresGradient)
                    Note(NonFiniteOrigin.Backward, layer, $"the gradient by {LastOf(parameter.Name)}", parameter.Gradient);
            }
        }

        if (gradInput is not null)
            Note(NonFiniteOrigin.Backward, layer, "the gradient by the input", gradInput);
    }

    /// <summary>Starts anew, with all that lasts from step to step: parameters, from the last layer to the first as the
    /// backward pass comes to them, what the optimizer keeps of them, running statistics.</summary>
    public void NoteState()
    {
        Clear();
        var layers = model.SelfAndInnerLayers().Where(layer => layer.InnerLayers.Count == 0).ToArray();
        var owners = new Dictionary<string, Layer>(StringComparer.Ordinal);
        foreach (var layer in layers.Reverse())
        {
            foreach (var parameter in layer.Parameters)
            {
                Note(NonFiniteOrigin.Update, layer, LastOf(parameter.Name), parameter.Value);
                owners.Add(parameter.Name, layer);
            }
        }

        foreach (var (name, tensor) in optimizer.StateOfParameters)
            Note(NonFiniteOrigin.Update, owners.GetValueOrDefault(name, model), $"the optimizer's state of {LastOf(name)}", tensor);
        foreach (var layer in layers)
        {
            foreach (var (name, tensor) in layer.State)
            {
                if (tensor.DType.IsReal() && !owners.ContainsKey(name))
                    Note(NonFiniteOrigin.Statistics, layer, LastOf(name), tensor);
            }
        }
    }

    /// <summary>The first of what was noted; null where all is finite. Waits for the device.</summary>
    /// <param name="count">How many of the tensors have such a value.</param>
    public NonFiniteValue? First(out int count)
    {
        var indices = new long[_tensors.Count];
        var onDevice = _indices.Get([indices.Length], DType.Int64, model.Device);
        model.Device.Backend.FirstNonFinite(new FirstNonFiniteArgs(_tensors, onDevice));
        onDevice.CopyTo<long>(indices);
        count = indices.Count(index => index >= 0);
        var first = Array.FindIndex(indices, index => index >= 0);
        if (first < 0)
            return null;
        var (origin, layer, layerType, name) = _noted[first];
        return new NonFiniteValue(
            origin, layer, layerType, name, _tensors[first].Shape, indices[first],
            _tensors[first].ToDoubles()[indices[first]]);
    }

    public void Dispose() => _indices.Dispose();

    private void Note(NonFiniteOrigin origin, Layer layer, string name, Tensor tensor) =>
        Note(origin, layer.Path, layer.GetType().Name, name, tensor);

    private void Clear()
    {
        _noted.Clear();
        _tensors.Clear();
    }

    private static string LastOf(string name) => name[(name.LastIndexOf('.') + 1)..];

    private readonly record struct Noted(NonFiniteOrigin Origin, string Layer, string LayerType, string Name);
}
