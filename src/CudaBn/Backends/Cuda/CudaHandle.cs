using System.Runtime.InteropServices;
using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>Something that lives in a CUDA context and keeps it alive: released exactly once, also by the collector, and
/// never with an exception.</summary>
/// <remarks><see cref="SafeHandle.DangerousGetHandle"/> gives the raw handle to other code.</remarks>
public abstract class CudaHandle : SafeHandle
{
    private protected CudaHandle(CudaContext context)
        : base(0, ownsHandle: true)
    {
        Context = context;
        var isAdded = false;
        context.DangerousAddRef(ref isAdded);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    internal CudaContext Context { get; }

    /// <summary>The raw handle.</summary>
    /// <exception cref="ObjectDisposedException">It was released.</exception>
    private protected nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    /// <inheritdoc/>
    protected sealed override bool ReleaseHandle()
    {
        var result = Context.TryRun(handle, Destroy);
        Context.DangerousRelease();
        return result == CudaResult.Success;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        var isFirst = !IsClosed;
        var wasMade = !IsInvalid;
        base.Dispose(disposing);
        // Without a native object there is nothing to release, but the context was taken all the same.
        if (isFirst && !wasMade)
            Context.DangerousRelease();
    }

    /// <summary>Destroys the native object, with its context bound.</summary>
    private protected abstract CudaResult Destroy(nint value);
}
