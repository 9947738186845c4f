namespace CudaBn.Cli;

/// <summary>The losses of the steps of an epoch, copied aside on the device so that no step is waited for.</summary>
internal sealed class StepLosses : IDisposable
{
    private readonly Tensor _losses;
    private readonly Tensor[] _places;
    private readonly List<long> _steps = [];

    public StepLosses(int stepsPerEpoch, Device device, DType dtype)
    {
        _losses = new Tensor([stepsPerEpoch], dtype, device);
        _places = [.. Enumerable.Range(0, stepsPerEpoch).Select(i => _losses.Part(i, [1]))];
    }

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
        var losses = _losses.ToDoubles();
        (long, double)[] taken = [.. _steps.Select((step, i) => (step, losses[i]))];
        _steps.Clear();
        return taken;
    }

    public void Dispose() => _losses.Dispose();
}
