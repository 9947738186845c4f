using CudaBn.Backends;
using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Updates the parameters of a model from their gradients.</summary>
/// <remarks>Parameters whose <see cref="Parameter.RequiresGradient"/> is off are skipped, with whatever the optimizer keeps
/// of them. All that changes from step to step lives on the device, so that a recorded step goes on by itself.</remarks>
public abstract class Optimizer : IDisposable
{
    private readonly Parameter[] _parameters;
    private readonly Tensor[][] _state;
    private readonly string[] _stateNames;
    private readonly bool[] _wasActive;
    private readonly bool[] _hasStepped;
    private readonly Tensor _learningRateOnDevice;
    private readonly Tensor? _gradientScale;
    private double _learningRate;
    private ActiveParameters[]? _calls;
    private Parameter[] _active = [];

    private protected Optimizer(
        IReadOnlyList<ParameterGroup> groups, double learningRate, double? maxGradientNorm, string[] stateNames)
    {
        ArgumentNullException.ThrowIfNull(groups);
        for (var i = 0; i < groups.Count; i++)
        {
            if (groups[i] is null)
                throw new ArgumentException($"{Name}: group {i} of the parameters is null.", nameof(groups));
        }

        _parameters = [.. groups.SelectMany(group => group.Parameters)];
        RequireOneKind(_parameters);
        RequireLearningRate(learningRate);
        if (maxGradientNorm is { } bound && !(bound > 0 && double.IsFinite(bound)))
            throw new ArgumentException($"{Name}: maximum gradient norm {bound} must be positive and finite.");
        ParameterGroups = [.. groups];
        MaxGradientNorm = maxGradientNorm;
        _learningRate = learningRate;
        _wasActive = new bool[_parameters.Length];
        _hasStepped = new bool[_parameters.Length];
        var device = _parameters[0].Value.Device;
        _learningRateOnDevice = Tensor.From([learningRate], [1], device);
        if (maxGradientNorm is not null)
        {
            GradientNorm = Tensor.Zeros([1], DType.Float64, device);
            _gradientScale = Tensor.Zeros([1], DType.Float64, device);
        }

        _stateNames = stateNames;
        _state = Array.ConvertAll(
            stateNames,
            _ => (Tensor[])[.. _parameters.Select(p => Tensor.Zeros(p.Value.Shape, p.Value.DType, device))]);
    }

    /// <summary>The parameters, in groups.</summary>
    public IReadOnlyList<ParameterGroup> ParameterGroups { get; }

    /// <summary>The step size, which a schedule may change between steps.</summary>
    /// <exception cref="ArgumentException">The value is negative, infinite or NaN.</exception>
    public double LearningRate
    {
        get => _learningRate;
        set
        {
            RequireLearningRate(value);
            if (value == _learningRate)
                return;
            _learningRateOnDevice.CopyFrom<double>([value]);
            _learningRate = value;
        }
    }

    /// <summary>What the norm of all gradients, as one vector, is clipped to; null for no bound.</summary>
    public double? MaxGradientNorm { get; }

    /// <summary>Float64 [1]: the norm of the gradients at the last step, before it was clipped. It lives on the device, so
    /// that only reading it waits; null without <see cref="MaxGradientNorm"/>.</summary>
    public Tensor? GradientNorm { get; }

    /// <summary>What the optimizer keeps of its parameters from step to step, by name, as <see cref="Layer.State"/> is what a
    /// layer keeps: for every parameter its name, a dot, and PyTorch's name of the kind. <see cref="Sgd"/> with momentum keeps
    /// <c>momentum_buffer</c>; <see cref="Adam"/> and <see cref="AdamW"/> keep the moments <c>exp_avg</c> and
    /// <c>exp_avg_sq</c>, and <c>step</c>, Int64 [1], the number of updates.</summary>
    /// <remarks>All is 0 before the first step. That of <see cref="Sgd"/> writes the buffer whatever it holds: whether a
    /// parameter was updated before is not in these tensors, but in what <see cref="Checkpoint"/> saves.</remarks>
    public IReadOnlyList<NamedTensor> State =>
        field ??= [.. Enumerable.Range(0, _parameters.Length).SelectMany(StateOf)];

    /// <summary>The real numbers among <see cref="State"/>, under the names of their parameters.</summary>
    internal IEnumerable<NamedTensor> StateOfParameters =>
        _state.SelectMany(tensors => tensors.Select((tensor, i) => new NamedTensor(_parameters[i].Name, tensor)));

    /// <summary>The numbers that the optimizer was made with and that updates depend on, by name, apart from
    /// <see cref="ParameterGroups"/> and <see cref="MaxGradientNorm"/>.</summary>
    internal abstract IReadOnlyList<(string Name, double Value)> Constants { get; }

    /// <summary>For each parameter, whether it was updated since the optimizer was made.</summary>
    /// <remarks>Setting it copies; with <see cref="State"/> and <see cref="LearningRate"/> it is all that the next update
    /// depends on.</remarks>
    internal IReadOnlyList<bool> HasStepped
    {
        get => _hasStepped;
        set
        {
            for (var i = 0; i < _hasStepped.Length; i++)
                _hasStepped[i] = value[i];
            _calls = null;
        }
    }

    // The runtime forgets the name of a type at a collection and would make it anew at the next change of the rate.
    internal string Name => field ??= GetType().Name;

    private protected Device Device => _learningRateOnDevice.Device;

    private protected Backend Backend => Device.Backend;

    /// <summary>The element type of the parameters.</summary>
    private protected DType DType => _parameters[0].Value.DType;

    /// <summary>How many parameters there are, active or not.</summary>
    private protected int ParameterCount => _parameters.Length;

    /// <summary>Updates all parameters from their gradients.</summary>
    /// <remarks>With <see cref="MaxGradientNorm"/>, the update takes all gradients times maximum / (norm + 1e-6) where that is
    /// below 1; the gradients themselves stay. A norm that is not finite is handled as PyTorch's clip_grad_norm_ does by
    /// default: an infinite one multiplies the gradients by 0, which makes infinite ones NaN, and a NaN makes all
    /// NaN.</remarks>
    public void Step() => Step(watch: null);

    /// <summary>Updates all parameters, unless <paramref name="watch"/> has seen a loss that is not finite: then parameters, and
    /// what the optimizer keeps of them, stay as they are.</summary>
    internal void Step(Tensor? watch)
    {
        var calls = UpToDateCalls();
        if (calls.Length == 0)
            return;
        if (MaxGradientNorm is { } bound)
            Backend.GradientNorm(new GradientNormArgs(_active, bound, GradientNorm!, _gradientScale!));
        foreach (var call in calls)
            Update(call, _learningRateOnDevice, _gradientScale, watch);
        foreach (var call in calls)
        {
            if (call.IsFirstStep)
                NoteStep(call);
        }
    }

    /// <summary>Releases what the optimizer keeps of the parameters.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the optimizer keeps of the parameters.</summary>
    /// <param name="disposing">Whether called from <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        _learningRateOnDevice.Dispose();
        _gradientScale?.Dispose();
        GradientNorm?.Dispose();
        foreach (var tensor in _state.SelectMany(tensors => tensors))
            tensor.Dispose();
    }

    /// <summary>What is kept of one parameter, by name.</summary>
    private protected virtual IEnumerable<NamedTensor> StateOf(int index) =>
        _stateNames.Select((name, kind) => new NamedTensor(StateName(index, name), _state[kind][index]));

    private protected string StateName(int index, string kind) => $"{_parameters[index].Name}.{kind}";

    /// <summary>Updates some parameters.</summary>
    private protected abstract void Update(
        ActiveParameters active, Tensor learningRate, Tensor? gradientScale, Tensor? watch);

    /// <summary>Throws an ArgumentException that names the optimizer, the constant and its value.</summary>
    internal static void RequireNotNegative(double value, string name, string what)
    {
        if (!(value >= 0) || double.IsInfinity(value))
            throw new ArgumentException($"{name}: {what} {value} must be finite and not negative.");
    }

    private void RequireLearningRate(double value)
    {
        RequireNotNegative(value, Name, "learning rate");
        if (double.IsInfinity(DType.Round(value)))
            throw new ArgumentException($"{Name}: learning rate {value} is no {DType}.");
    }

    private void RequireOneKind(Parameter[] parameters)
    {
        if (parameters.Length == 0)
            throw new ArgumentException($"{Name} needs at least one parameter.");
        var first = parameters[0];
        var seen = new HashSet<Parameter>();
        foreach (var parameter in parameters)
        {
            if (parameter.Value.DType != first.Value.DType || parameter.Value.Device != first.Value.Device)
                throw new ArgumentException(
                    $"{Name}: all parameters must be of one type and device; '{first.Name}' is a {first.Value}, "
                    + $"'{parameter.Name}' a {parameter.Value}.");
            if (!seen.Add(parameter))
                throw new ArgumentException($"{Name}: parameter '{parameter.Name}' is given twice.");
        }
    }

    private void NoteStep(ActiveParameters call)
    {
        foreach (var index in call.Indices)
            _hasStepped[index] = true;
        _calls = null;
    }

    // Lists are made again only when a parameter was frozen, thawed or stepped for the first time: a step allocates nothing.
    private ActiveParameters[] UpToDateCalls()
    {
        for (var i = 0; i < _parameters.Length; i++)
        {
            if (_parameters[i].RequiresGradient == _wasActive[i])
                continue;
            _wasActive[i] = _parameters[i].RequiresGradient;
            _calls = null;
        }

        return _calls ??= MakeCalls();
    }

    private ActiveParameters[] MakeCalls()
    {
        _active = [.. _parameters.Where(parameter => parameter.RequiresGradient)];
        var calls = new List<ActiveParameters>();
        var next = 0;
        foreach (var group in ParameterGroups)
        {
            var active = Enumerable.Range(next, group.Parameters.Count).Where(index => _wasActive[index]);
            next += group.Parameters.Count;
            foreach (var alike in active.GroupBy(index => _hasStepped[index]))
            {
                int[] indices = [.. alike];
                calls.Add(new ActiveParameters(
                    group, !alike.Key, [.. indices.Select(index => _parameters[index])], indices,
                    [.. _state.Select(tensors => (Tensor[])[.. indices.Select(index => tensors[index])])]));
            }
        }

        return [.. calls];
    }
}
