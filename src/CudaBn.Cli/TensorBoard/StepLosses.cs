namespace CudaBn.Cli;

/// <summary>The losses of steps, copied aside on the device so that no step is waited for.</summary>
internal sealed class StepLosses : IDisposable
{
    private readonly Tensor _losses;
    private readonly Tensor[] _places;
    private readonly List<long> _steps = [];

    /// <param name="capacity">How many losses it holds.</param>
    /// <param name="device">The device of the losses.</param>
    /// <param name="dtype">Their element type.</param>
    public StepLosses(int capacity, Device device, DType dtype)
    {
        _losses = new Tensor([capacity], dtype, device);
        _places = [.. Enumerable.Range(0, capacity).Select(i => _losses.Part(i, [1]))];
    }

    /// <summary>Whether <see cref="Take"/> has to make room before <see cref="Add"/>.</summary>
    public bool IsFull => _steps.Count == _places.Length;

    /// <summary>Keeps the loss of a step.</summary>
    /// <param name="step">Its number in the run, from 1.</param>
    /// <param name="loss">[1], as it will be once what is queued has run.</param>
    public void Add(long step, Tensor loss)
    {
        _places[_steps.Count].CopyFrom(loss);
        _steps.Add(step);
    }

    /// <summary>The steps since the last call, each with its loss. Waits for the device.</summary>
    public (long Step, double Loss)[] Take()
    {
        if (_steps.Count == 0)
            return [];
        var losses = _losses.ToDoubles();
        (long, double)[] taken = [.. _steps.Select((step, i) => (step, losses[i]))];
        _steps.Clear();
        return taken;
    }

    public void Dispose() => _losses.Dispose();
}
