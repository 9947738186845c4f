using System.Diagnostics;

namespace CudaBn.Cli;

/// <summary>The clock of a device whose operators are done when a call of them returns.</summary>
internal sealed class ProcessorClock : StepClock
{
    private readonly List<long> _marks = [];

    public override string Method => "by the clock, around every call";

    public override void Restart() => _marks.Clear();

    public override int Mark()
    {
        _marks.Add(Stopwatch.GetTimestamp());
        return _marks.Count - 1;
    }

    public override void Finish()
    {
    }

    public override double Between(int from, int to) =>
        Stopwatch.GetElapsedTime(_marks[from], _marks[to]).TotalSeconds;

    public override void Dispose()
    {
    }
}
