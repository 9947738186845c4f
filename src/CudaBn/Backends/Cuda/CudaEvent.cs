using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>A point in a stream, which other streams and the host can wait for and measure time from.</summary>
public sealed unsafe class CudaEvent : CudaHandle
{
    /// <summary>Makes an event, which counts as having happened until a stream records it.</summary>
    /// <param name="backend">The backend of the GPU.</param>
    /// <exception cref="CudaException">The driver makes no event.</exception>
    public CudaEvent(CudaBackend backend)
        : base(ContextOf(backend))
    {
        using var binding = Context.Bind();
        EventHandle happening;
        Driver.cuEventCreate(&happening, 0).ThrowIfFailed();
        SetHandle(happening.Value);
    }

    /// <summary>Whether everything before the event is done.</summary>
    /// <exception cref="CudaException">Something queued failed.</exception>
    public bool HasHappened
    {
        get
        {
            using var binding = Context.Bind();
            var result = Driver.cuEventQuery(Handle);
            if (result == CudaResult.NotReady)
                return false;
            result.ThrowIfFailed("cuEventQuery");
            return true;
        }
    }

    internal EventHandle Handle => new(Value);

    /// <summary>Waits until the event has happened.</summary>
    /// <exception cref="CudaException">Something queued failed.</exception>
    public void Synchronize()
    {
        using var binding = Context.Bind();
        Driver.cuEventSynchronize(Handle).ThrowIfFailed();
    }

    /// <summary>The time that the device took from one event to this one. Both must have happened.</summary>
    /// <param name="earlier">An event recorded before this one.</param>
    /// <returns>The time, to about half a microsecond.</returns>
    /// <exception cref="CudaException">One of them was not recorded or has not happened.</exception>
    public TimeSpan ElapsedSince(CudaEvent earlier)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        using var binding = Context.Bind();
        float milliseconds;
        Driver.cuEventElapsedTime(&milliseconds, earlier.Handle, Handle).ThrowIfFailed();
        return TimeSpan.FromMilliseconds(milliseconds);
    }

    private protected override CudaResult Destroy(nint value) => Driver.cuEventDestroy_v2(new EventHandle(value));

    private static CudaContext ContextOf(CudaBackend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        return backend.Context;
    }
}
