using CudaBn.Backends.Cuda;

namespace CudaBn.Cli;

/// <summary>The clock of a GPU: events in its stream, so that nothing waits between operators.</summary>
internal sealed class EventClock(CudaBackend backend) : StepClock
{
    private readonly List<CudaEvent> _events = [];
    private int _marks;

    public override string Method =>
        "by events on the GPU, around operators that are queued one by one; training replays a recorded step, which takes "
        + "less";

    public override void Restart() => _marks = 0;

    public override int Mark()
    {
        if (_marks == _events.Count)
            _events.Add(new CudaEvent(backend));
        backend.Stream.Record(_events[_marks]);
        return _marks++;
    }

    public override void Finish() => backend.Synchronize();

    public override double Between(int from, int to) => _events[to].ElapsedSince(_events[from]).TotalSeconds;

    public override void Dispose() => _events.ForEach(happening => happening.Dispose());
}
