using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Stochastic gradient descent with PyTorch's momentum, dampening, weight decay and Nesterov's form.</summary>
/// <remarks>With g = gradient + weightDecay * value: without momentum, value -= learningRate * g. With it, the buffer b
/// starts as g and becomes momentum * b + (1 - dampening) * g, and value -= learningRate * b, or with Nesterov
/// value -= learningRate * (g + momentum * b).</remarks>
public sealed class Sgd : IDisposable
{
    private readonly IReadOnlyList<Parameter> _parameters;
    private readonly Tensor[] _momentumBuffers;
    private readonly Tensor _learningRateOnDevice;
    private double _learningRate;
    private bool _firstStep = true;

    /// <summary>Makes an optimizer of parameters.</summary>
    /// <param name="parameters">The parameters of an initialized model.</param>
    /// <param name="learningRate">The step size; finite, not negative.</param>
    /// <param name="momentum">The weight of the momentum buffer; finite, not negative.</param>
    /// <param name="dampening">What is taken off the weight of the gradient in the buffer; finite.</param>
    /// <param name="weightDecay">The weight of the value added to its gradient; finite, not negative.</param>
    /// <param name="nesterov">Whether the step looks ahead; needs momentum and no dampening.</param>
    /// <exception cref="ArgumentException">There is no parameter, they differ in element type or device, or a constant is outside its range.</exception>
    public Sgd(
        IReadOnlyList<Parameter> parameters,
        double learningRate,
        double momentum = 0,
        double dampening = 0,
        double weightDecay = 0,
        bool nesterov = false)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        if (parameters.Count == 0)
            throw new ArgumentException("Sgd needs at least one parameter.", nameof(parameters));
        foreach (var parameter in parameters)
        {
            var first = parameters[0].Value;
            if (parameter.Value.DType != first.DType || parameter.Value.Device != first.Device)
                throw new ArgumentException(
                    $"Sgd: all parameters must be of one type and device; '{parameters[0].Name}' is a {first}, "
                    + $"'{parameter.Name}' a {parameter.Value}.", nameof(parameters));
        }

        RequireNotNegative(momentum, "momentum");
        RequireNotNegative(weightDecay, "weight decay");
        if (!double.IsFinite(dampening))
            throw new ArgumentException($"Sgd: dampening {dampening} must be finite.");
        if (nesterov && (momentum == 0 || dampening != 0))
            throw new ArgumentException(
                $"Sgd: Nesterov's form needs momentum and no dampening, not momentum {momentum} and dampening "
                + $"{dampening}.");
        RequireNotNegative(learningRate, "learning rate");
        _parameters = parameters;
        _learningRate = learningRate;
        Momentum = momentum;
        Dampening = dampening;
        WeightDecay = weightDecay;
        Nesterov = nesterov;
        _momentumBuffers = momentum == 0
            ? []
            : [.. parameters.Select(p => Tensor.Zeros(p.Value.Shape, p.Value.DType, p.Value.Device))];
        _learningRateOnDevice = Tensor.From([learningRate], [1], parameters[0].Value.Device);
    }

    /// <summary>The step size, which a schedule may change between steps.</summary>
    /// <exception cref="ArgumentException">The value is negative, infinite or NaN.</exception>
    public double LearningRate
    {
        get => _learningRate;
        set
        {
            RequireNotNegative(value, "learning rate");
            if (value == _learningRate)
                return;
            _learningRateOnDevice.CopyFrom<double>([value]);
            _learningRate = value;
        }
    }

    /// <summary>The weight of the momentum buffer.</summary>
    public double Momentum { get; }

    /// <summary>What is taken off the weight of the gradient in the buffer.</summary>
    public double Dampening { get; }

    /// <summary>The weight of the value added to its gradient.</summary>
    public double WeightDecay { get; }

    /// <summary>Whether the step looks ahead.</summary>
    public bool Nesterov { get; }

    /// <summary>Updates all parameters from their gradients.</summary>
    public void Step()
    {
        _parameters[0].Value.Device.Backend.SgdStep(new SgdArgs(
            _parameters, _momentumBuffers, _firstStep, _learningRateOnDevice, Momentum, Dampening, WeightDecay,
            Nesterov));
        _firstStep = false;
    }

    /// <summary>Releases the momentum buffers and the learning rate's copy on the device.</summary>
    public void Dispose()
    {
        _learningRateOnDevice.Dispose();
        foreach (var buffer in _momentumBuffers)
            buffer.Dispose();
    }

    private static void RequireNotNegative(double value, string what)
    {
        if (!(value >= 0) || double.IsInfinity(value))
            throw new ArgumentException($"Sgd: {what} {value} must be finite and not negative.");
    }
}
