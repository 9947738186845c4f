namespace CudaBn.Backends;

/// <summary>Operators that were recorded once and can be queued again at the cost of one call.</summary>
internal abstract class Recording : IDisposable
{
    /// <summary>Whether all memory that the operators use is still there.</summary>
    public abstract bool IsCurrent { get; }

    /// <summary>Queues all of it.</summary>
    /// <exception cref="ObjectDisposedException">Memory that it uses was released.</exception>
    public abstract void Replay();

    /// <summary>Releases what the device keeps of it.</summary>
    public abstract void Dispose();
}
