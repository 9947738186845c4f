namespace CudaBn.Cli;

/// <summary>How a process ended the training of a run.</summary>
/// <param name="State">How far the run is.</param>
/// <param name="Reason">Why it was stopped, in sentences; null where it was not.</param>
internal sealed record RunEnding(RunState State, string? Reason = null)
{
    public static RunEnding Finished { get; } = new(RunState.Finished);

    public static RunEnding Interrupted { get; } = new(RunState.Interrupted);

    /// <summary>The end of a training that met a value that is not finite.</summary>
    public static RunEnding Stopped(NonFiniteException fault) => new(RunState.Stopped, fault.Message);
}
