using CudaBn.Backends;
using CudaBn.Serialization;

namespace CudaBn;

/// <summary>A differentiable function with parameters: forward, and a backward pass written by hand.</summary>
/// <remarks>A layer owns its parameters, their gradients, what backward needs and what it returns. The tensors it
/// returns are overwritten or released by its next call: copy what you keep. After <see cref="Initialize(Device, DType, ulong)"/>
/// a loop over the same shapes allocates nothing.</remarks>
public abstract class Layer : IStep, IDisposable
{
    private readonly Workspace _output = new();
    private readonly Workspace _gradInput = new();
    private readonly List<(Shape Input, Shape Output)> _shapes = [];
    private string _name = "";
    private Device? _device;
    private Tensor? _lastInput;
    private Tensor? _lastOutput;

    /// <summary>The name that messages and saved parameters carry. A <see cref="Sequential"/> gives its nameless
    /// layers one, such as <c>conv1</c>.</summary>
    /// <exception cref="ArgumentException">The name is empty, or holds a dot, which separates layers.</exception>
    public string Name
    {
        get => _name;
        set
        {
            if (string.IsNullOrEmpty(value) || value.Contains('.', StringComparison.Ordinal))
                throw new ArgumentException($"Layer name '{value}' must be neither empty nor hold a dot.");
            _name = value;
        }
    }

    /// <summary>Whether forward runs as in training (true, the default) or as in evaluation.</summary>
    public virtual bool IsTraining { get; set; } = true;

    /// <summary>Whether <see cref="Initialize(Device, DType, ulong)"/> was called.</summary>
    public bool IsInitialized => _device is not null;

    /// <summary>Where this layer lives.</summary>
    /// <exception cref="InvalidOperationException">The layer is not initialized.</exception>
    public Device Device => _device ?? throw NotInitialized();

    /// <summary>The element type this layer computes in.</summary>
    public DType DType { get; private set; }

    /// <summary>What training changes.</summary>
    /// <exception cref="InvalidOperationException">The layer is not initialized.</exception>
    public virtual IReadOnlyList<Parameter> Parameters => IsInitialized ? OwnParameters : throw NotInitialized();

    /// <summary>Everything that is saved with a model: parameters and running statistics, by name.</summary>
    /// <exception cref="InvalidOperationException">The layer is not initialized.</exception>
    public virtual IReadOnlyList<NamedTensor> State => IsInitialized ? OwnState : throw NotInitialized();

    /// <summary>The stem of the names that a <see cref="Sequential"/> gives, such as <c>conv</c>.</summary>
    protected internal abstract string Kind { get; }

    /// <summary>How messages name this layer: its type, and its name where it has one.</summary>
    protected internal string Label => Name.Length == 0 ? GetType().Name : $"{GetType().Name} '{Name}'";

    /// <summary>The backend of this layer's device.</summary>
    protected Backend Backend => Device.Backend;

    private List<Parameter> OwnParameters { get; } = [];

    private List<NamedTensor> OwnState { get; } = [];

    /// <summary>Makes the parameters on a device and gives them their first values.</summary>
    /// <param name="device">Where the layer shall live.</param>
    /// <param name="dtype">Float32 or Float64.</param>
    /// <param name="seed">The values are a function of the seed and of each parameter's place in the model alone: the
    /// same on every device and for any number of threads.</param>
    /// <exception cref="ArgumentException">The element type is an integer type, or an option of a layer is beyond its
    /// range.</exception>
    /// <exception cref="InvalidOperationException">The layer is initialized already.</exception>
    public void Initialize(Device device, DType dtype = DType.Float32, ulong seed = 0)
    {
        // Before anything is made: a model is not left initialized in part.
        foreach (var layer in SelfAndInnerLayers())
            layer.RequireRepresentable(dtype);
        uint stream = 0;
        Initialize(PrefixWithin(""), device, dtype, seed, ref stream);
    }

    /// <summary>Computes the output.</summary>
    /// <param name="input">A tensor of this layer's device and element type. It must stay unchanged until backward
    /// has run.</param>
    /// <returns>A tensor this layer owns and overwrites on its next call.</returns>
    /// <exception cref="ArgumentException">Shape, element type or device is not what this layer takes.</exception>
    /// <exception cref="InvalidOperationException">The layer is not initialized.</exception>
    public Tensor Forward(Tensor input)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.Device != Device || input.DType != DType)
            throw new ArgumentException($"{Label} computes in {DType} on {Device}; its input is a {input}.");
        var output = ForwardCore(input);
        (_lastInput, _lastOutput) = (input, output);
        Observer?.AfterForward(this, output);
        return output;
    }

    /// <summary>Computes the gradients by the parameters and by the input, for the last forward pass.</summary>
    /// <param name="gradOutput">The gradient of the loss by the output; of its shape.</param>
    /// <returns>The gradient by the input: a tensor this layer owns and overwrites on its next call.</returns>
    /// <exception cref="ArgumentException">Shape, element type or device is not that of the output.</exception>
    /// <exception cref="InvalidOperationException">There was no forward pass.</exception>
    public Tensor Backward(Tensor gradOutput) => Backward(gradOutput, needsInputGradient: true)!;

    /// <summary>Computes the gradients by the parameters only, for the last forward pass: what the first layer of a
    /// network needs.</summary>
    /// <param name="gradOutput">The gradient of the loss by the output; of its shape.</param>
    /// <exception cref="ArgumentException">Shape, element type or device is not that of the output.</exception>
    /// <exception cref="InvalidOperationException">There was no forward pass.</exception>
    public void BackwardParameters(Tensor gradOutput) => Backward(gradOutput, needsInputGradient: false);

    /// <summary>Keeps training from changing this layer and those inside it, as in fine-tuning: none of the parameters
    /// requires a gradient, and batch normalizations use and keep their running statistics. Gradients still pass
    /// through to the layers before.</summary>
    /// <exception cref="InvalidOperationException">The layer is not initialized.</exception>
    public void Freeze() => SetFrozen(true);

    /// <summary>Lets training change this layer and those inside it: the opposite of <see cref="Freeze"/>.</summary>
    /// <exception cref="InvalidOperationException">The layer is not initialized.</exception>
    public void Unfreeze() => SetFrozen(false);

    /// <summary>Writes what this layer has learnt, <see cref="State"/>, under PyTorch's names and in its shapes and element
    /// types, so that load_state_dict takes it. The file appears whole or not at all.</summary>
    /// <param name="path">The file, NumPy's npz where the name ends in .npz and else safetensors. Its folder must exist; an
    /// older file of that name is replaced.</param>
    /// <param name="metadata">Free-form texts kept in the file; null for none. The library's version is added, as
    /// cudabn_version.</param>
    /// <exception cref="ArgumentException">The metadata are no valid Unicode, or exceed what the format holds: 100,000,000
    /// bytes of header in a safetensors file, 65,535 bytes in an npz file.</exception>
    /// <exception cref="InvalidOperationException">The layer is not initialized.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        SavedState.Save(this, path, metadata);
    }

    /// <summary>Replaces what this layer has learnt, <see cref="State"/>, by what a file holds under the same names. Nothing
    /// changes unless all of the file can be read.</summary>
    /// <param name="path">A safetensors or npz file, told apart by content; of a file of <see cref="Checkpoint.Save"/>, the model
    /// within it. Float16, BFloat16 and Float32 are widened where
    /// the layer has a wider type, for that is exact; numbers that would be rounded are refused.</param>
    /// <param name="strict">Whether the file must have exactly this layer's tensors. If not, those that fit by name, shape
    /// and type are replaced, and the others left as they are: for a network with another head.</param>
    /// <returns>The texts kept in the file, and which tensors did not fit.</returns>
    /// <exception cref="InvalidDataException">The file is broken; or is not of this model: the message then lists the
    /// tensors that are missing, unexpected, or of another shape or type; or nothing in it fits.</exception>
    /// <exception cref="InvalidOperationException">The layer is not initialized.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or is a folder.</exception>
    public LoadedWeights Load(string path, bool strict = true)
    {
        ArgumentNullException.ThrowIfNull(path);
        return SavedState.Load(this, path, strict);
    }

    /// <summary>Releases parameters, gradients and buffers.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    int IStep.LayerCount => 1;

    bool IStep.RequiresGradient => RequiresGradient;

    bool IStep.Takes(Tensor input) => true;

    Tensor? IStep.Backward(Tensor gradOutput, bool needsInputGradient) => Backward(gradOutput, needsInputGradient);

    /// <summary>Told of every pass; null where nobody looks on.</summary>
    internal ILayerObserver? Observer { get; set; }

    /// <summary>The place of this layer in its model, such as <c>block2.main.conv1</c>; its type where it is the model.</summary>
    internal string Path => Prefix.Length == 0 ? GetType().Name : Prefix[..^1];

    /// <summary>A layer of the same description and modes, without a name, parameters or a device.</summary>
    internal abstract Layer Copy();

    /// <summary>The layers that this one is made of.</summary>
    internal virtual IReadOnlyList<Layer> InnerLayers => [];

    /// <summary>Whether a parameter, here or in a layer inside, requires a gradient.</summary>
    internal bool RequiresGradient
    {
        get
        {
            var parameters = Parameters;
            for (var i = 0; i < parameters.Count; i++)
            {
                if (parameters[i].RequiresGradient)
                    return true;
            }

            return false;
        }
    }

    /// <summary>This layer and all inside it, each before those that it is made of.</summary>
    internal IEnumerable<Layer> SelfAndInnerLayers() => InnerLayers.SelectMany(layer => layer.SelfAndInnerLayers()).Prepend(this);

    /// <summary>Counters of random numbers, here and in the layers inside, by name: training changes them, but they are of no
    /// use to the model that it leads to, so that <see cref="State"/> leaves them out.</summary>
    internal IEnumerable<NamedTensor> RandomState => SelfAndInnerLayers().SelectMany(layer => layer.OwnRandomState);

    /// <summary>Throws an ArgumentException that names an option whose value an element type does not hold.</summary>
    private protected virtual void RequireRepresentable(DType dtype)
    {
    }

    /// <summary>What of <see cref="RandomState"/> is this layer's own.</summary>
    private protected virtual IEnumerable<NamedTensor> OwnRandomState => [];

    /// <summary>Freezes or unfreezes this layer and those inside.</summary>
    private protected virtual void SetFrozen(bool isFrozen)
    {
        foreach (var parameter in Parameters)
            parameter.RequiresGradient = !isFrozen;
        foreach (var layer in InnerLayers)
            layer.SetFrozen(isFrozen);
    }

    internal Tensor? Backward(Tensor gradOutput, bool needsInputGradient)
    {
        ArgumentNullException.ThrowIfNull(gradOutput);
        if (_lastInput is null || _lastOutput is null)
            throw new InvalidOperationException($"{Label}: backward needs a forward pass first.");
        if (gradOutput.Shape != _lastOutput.Shape || gradOutput.DType != DType || gradOutput.Device != Device)
            throw new ArgumentException($"{Label}: the gradient of a {_lastOutput} cannot be a {gradOutput}.");
        var gradInput = BackwardCore(_lastInput, _lastOutput, gradOutput, needsInputGradient);
        Observer?.AfterBackward(this, gradInput);
        return gradInput;
    }

    internal virtual void Initialize(string prefix, Device device, DType dtype, ulong seed, ref uint stream)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (!dtype.IsReal())
            throw new ArgumentException($"{Label} computes in Float32 or Float64, not in {dtype}.", nameof(dtype));
        if (IsInitialized)
            throw new InvalidOperationException($"{Label} is initialized already, on {_device}.");
        (_device, DType) = (device, dtype);
        Prefix = prefix;
        InitializeCore(seed, ref stream);
    }

    /// <summary>The names with which this layer's tensors start in a container around it.</summary>
    internal virtual IEnumerable<string> NamesOutside => [Name];

    /// <summary>What the names of this layer's tensors start with, in a layer whose tensors' names start so.</summary>
    internal virtual string PrefixWithin(string outer) => Name.Length == 0 ? outer : $"{outer}{Name}.";

    /// <summary>What the names of this layer's tensors start with.</summary>
    private protected string Prefix { get; private set; } = "";

    /// <summary>Makes the parameters and running statistics of this layer.</summary>
    private protected virtual void InitializeCore(ulong seed, ref uint stream)
    {
    }

    /// <summary>Computes the output of a validated element type and device.</summary>
    private protected abstract Tensor ForwardCore(Tensor input);

    /// <summary>Computes the gradients for the last forward pass, with a validated <paramref name="gradOutput"/>.</summary>
    private protected abstract Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient);

    /// <summary>The shape of the output for a shape of the input, or an ArgumentException that names both.</summary>
    private protected abstract Shape OutputShape(Shape input);

    /// <summary>The output tensor for an input, the same one for the same shape.</summary>
    private protected Tensor OutputFor(Tensor input) => _output.Get(CachedOutputShape(input.Shape), DType, Device);

    /// <summary>The input gradient for an input, the same one for the same shape; null where nobody needs it.</summary>
    private protected Tensor? GradInputFor(Tensor input, bool needed) =>
        needed ? _gradInput.Get(input.Shape, DType, Device) : null;

    /// <summary>Makes a parameter with its first values.</summary>
    private protected Parameter AddParameter(
        string name, Shape shape, Initializer initializer, Fan fan, ulong seed, ref uint stream)
    {
        var parameter = new Parameter(Prefix + name, shape, DType, Device);
        OwnParameters.Add(parameter);
        OwnState.Add(new NamedTensor(parameter.Name, parameter.Value));
        initializer.Fill(parameter.Value, fan, seed, stream++);
        return parameter;
    }

    /// <summary>Makes a tensor that is saved with the model but has no gradient.</summary>
    private protected Tensor AddStatistic(string name, Shape shape, DType dtype)
    {
        var tensor = Tensor.Zeros(shape, dtype, Device);
        OwnState.Add(new NamedTensor(Prefix + name, tensor));
        return tensor;
    }

    /// <summary>Makes backward refuse until the next forward pass, here and in the layers inside.</summary>
    internal virtual void ForgetForward() => (_lastInput, _lastOutput) = (null, null);

    /// <summary>Mixes into a hash whatever decides which operators a pass consists of, apart from shapes.</summary>
    internal virtual ulong AddMode(ulong hash)
    {
        hash = Mix(hash, IsTraining);
        foreach (var parameter in OwnParameters)
            hash = Mix(hash, parameter.RequiresGradient);
        return hash;
    }

    private protected static ulong Mix(ulong hash, bool value) => (hash ^ (value ? 2ul : 1ul)) * 0x100000001b3;

    private protected InvalidOperationException NotInitialized() =>
        new($"{Label} is not initialized: call Initialize with a device first.");

    /// <summary>Releases what this layer holds.</summary>
    /// <param name="disposing">Whether called from <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        _output.Dispose();
        _gradInput.Dispose();
        foreach (var parameter in OwnParameters)
            parameter.Dispose();
        foreach (var state in OwnState)
            state.Tensor.Dispose();
    }

    /// <summary>The shape of the output for a shape of the input, worked out once.</summary>
    internal Shape CachedOutputShape(Shape input)
    {
        foreach (var (known, output) in _shapes)
        {
            if (known == input)
                return output;
        }

        var added = OutputShape(input);
        _shapes.Add((input, added));
        return added;
    }
}
