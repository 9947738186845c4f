using System.Runtime.InteropServices;
using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>Something that lives in a context and keeps it alive: released exactly once, with the context bound, also by
/// the collector.</summary>
internal abstract class CudaHandle : SafeHandle
{
    private readonly CudaContext _context;

    protected CudaHandle(CudaContext context)
        : base(0, ownsHandle: true)
    {
        _context = context;
        var isAdded = false;
        context.DangerousAddRef(ref isAdded);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>The raw handle.</summary>
    /// <exception cref="ObjectDisposedException">It was released.</exception>
    protected nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    /// <summary>Destroys the native object, with its context bound.</summary>
    protected abstract CudaResult Destroy(nint value);

    protected sealed override bool ReleaseHandle()
    {
        var result = _context.TryRun(handle, Destroy);
        _context.DangerousRelease();
        return result == CudaResult.Success;
    }

    protected override void Dispose(bool disposing)
    {
        var isFirst = !IsClosed;
        var wasMade = !IsInvalid;
        base.Dispose(disposing);
        // Without a native object there is nothing to release, but the context was taken all the same.
        if (isFirst && !wasMade)
            _context.DangerousRelease();
    }
}
