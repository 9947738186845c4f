using CudaBn.Backends.Cuda;

namespace CudaBn.Cli;

/// <summary>Takes the time between operators of a step.</summary>
internal abstract class StepClock : IDisposable
{
    /// <summary>How it does, as the end of a sentence.</summary>
    public abstract string Method { get; }

    public static StepClock Of(Device device) =>
        device.Backend is CudaBackend cuda ? new EventClock(cuda) : new ProcessorClock();

    /// <summary>Forgets all marks.</summary>
    public abstract void Restart();

    /// <summary>Marks what has been called, or queued, so far.</summary>
    /// <returns>The number of the mark.</returns>
    public abstract int Mark();

    /// <summary>Waits until all marks are passed.</summary>
    public abstract void Finish();

    /// <summary>Seconds from one mark to another. Both were passed.</summary>
    public abstract double Between(int from, int to);

    public abstract void Dispose();
}
