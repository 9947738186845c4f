namespace CudaBn.Cli;

/// <summary>A step of a network under measurement: a layer, or neighbours that run as one.</summary>
internal sealed class WatchedStep
{
    private readonly string _name;
    private readonly long _parameters;
    private readonly List<double> _forward = [];
    private readonly List<double> _backward = [];
    private readonly List<WatchedStep> _parts = [];

    /// <param name="name">How the report calls it.</param>
    /// <param name="parameters">Numbers that its layers learn, with those inside.</param>
    /// <param name="parent">The step that it is a part of; null for one of the network itself.</param>
    public WatchedStep(string name, long parameters, WatchedStep? parent)
    {
        (_name, _parameters) = (name, parameters);
        parent?._parts.Add(this);
    }

    public (int From, int To) ForwardMarks { get; set; }

    /// <summary>Null where no backward pass ran.</summary>
    public (int From, int To)? BackwardMarks { get; set; }

    public long ActivationBytes { get; set; }

    /// <summary>Keeps the times of a pass that is over.</summary>
    public void Note(StepClock clock)
    {
        _forward.Add(Without(step => Between(clock, step.ForwardMarks)));
        _backward.Add(Without(step => Between(clock, step.BackwardMarks)));
    }

    /// <summary>What it costs apart from its parts.</summary>
    public LayerCost Cost() => new(
        _parts.Count == 0 ? _name : $"{_name}, the rest", _parameters - _parts.Sum(part => part._parameters), ActivationBytes,
        _forward.Median(), _backward.Median());

    private double Without(Func<WatchedStep, double> seconds) => Math.Max(0, seconds(this) - _parts.Sum(seconds));

    private static double Between(StepClock clock, (int From, int To)? marks) =>
        marks is { } pair ? clock.Between(pair.From, pair.To) : 0;
}
