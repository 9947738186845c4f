using System.Runtime.InteropServices;
using System.Text;
using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>A context of a device: usually the primary one, which every CUDA library of a process shares. Bound for the
/// length of a call, so that any thread may call.</summary>
internal sealed unsafe class CudaContext : SafeHandle
{
    [ThreadStatic]
    private static CudaContext? t_bound;

    private readonly int _device;
    private CudaException? _loss;
    private readonly bool _isForeign;

    /// <summary>Retains the primary context of a device that <see cref="CudaDiagnosis"/> knows.</summary>
    /// <exception cref="CudaException">The device has no room, or is another process's alone.</exception>
    public CudaContext(int ordinal)
        : base(0, ownsHandle: true)
    {
        int device;
        Driver.cuDeviceGet(&device, ordinal).ThrowIfFailed();
        _device = device;
        ContextHandle context;
        Driver.cuDevicePrimaryCtxRetain(&context, device).ThrowIfFailed();
        SetHandle(context.Value);
        Name = ReadName(device);
    }

    /// <summary>Takes a context that other code made and will destroy.</summary>
    public CudaContext(ContextHandle foreign)
        : base(0, ownsHandle: true)
    {
        _isForeign = true;
        SetHandle(foreign.Value);
        using var binding = Bind();
        int device;
        Driver.cuCtxGetDevice(&device).ThrowIfFailed();
        _device = device;
        Name = ReadName(device);
    }

    public override bool IsInvalid => handle == 0;

    public ContextHandle Handle => new(handle);

    /// <summary>The number of the device, which is also its CUdevice.</summary>
    public int Ordinal => _device;

    /// <summary>The first failure after which the device does nothing any more; null as long as it works.</summary>
    public CudaException? Loss => Volatile.Read(ref _loss);

    /// <summary>The name of the device.</summary>
    public string Name { get; }

    public int Attribute(DeviceAttribute attribute)
    {
        int value;
        Driver.cuDeviceGetAttribute(&value, attribute, _device).ThrowIfFailed();
        return value;
    }

    /// <summary>Notes a failure of a call in the context that is bound on this thread.</summary>
    public static void NoteFailure(CudaException failure)
    {
        if (t_bound is { } context && ((CudaResult)failure.Result).IsFatal())
            Interlocked.CompareExchange(ref context._loss, failure, null);
    }

    /// <summary>Makes the context current on this thread until the result is disposed.</summary>
    public Binding Bind()
    {
        Driver.cuCtxPushCurrent_v2(Handle).ThrowIfFailed();
        return new Binding(this);
    }

    /// <summary>Runs a call with the context bound, and throws nothing.</summary>
    public CudaResult TryRun(nint value, Func<nint, CudaResult> call)
    {
        var result = Driver.cuCtxPushCurrent_v2(Handle);
        if (result != CudaResult.Success)
            return result;
        result = call(value);
        ContextHandle popped;
        var popResult = Driver.cuCtxPopCurrent_v2(&popped);
        return result == CudaResult.Success ? popResult : result;
    }

    protected override bool ReleaseHandle() =>
        _isForeign || Driver.cuDevicePrimaryCtxRelease_v2(_device) == CudaResult.Success;

    private static string ReadName(int device)
    {
        Span<byte> name = stackalloc byte[256];
        fixed (byte* place = name)
            Driver.cuDeviceGetName(place, name.Length, device).ThrowIfFailed();
        return Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]);
    }

    /// <summary>The time during which a context is current.</summary>
    public readonly ref struct Binding
    {
        private readonly CudaContext _context;
        private readonly CudaContext? _before;

        public Binding(CudaContext context)
        {
            _context = context;
            _before = t_bound;
            t_bound = context;
        }

        public void Dispose()
        {
            ContextHandle popped;
            // Fails only if this thread's stack of contexts was emptied in between, which leaves nothing to undo.
            _ = Driver.cuCtxPopCurrent_v2(&popped);
            t_bound = _before;
            GC.KeepAlive(_context);
        }
    }
}
