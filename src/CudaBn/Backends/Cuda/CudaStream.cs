using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>A queue of work on a GPU, which runs in order and apart from other queues.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Naming", "CA1711", Justification = "A stream is what CUDA calls this; no one takes it for a System.IO.Stream.")]
public sealed unsafe class CudaStream : CudaHandle
{
    private readonly bool _isForeign;

    /// <summary>Makes a stream beside the backend's own, for copies that go on while operators run.</summary>
    /// <param name="backend">The backend of the GPU.</param>
    /// <exception cref="CudaException">The driver makes no stream.</exception>
    public CudaStream(CudaBackend backend)
        : this(ContextOf(backend))
    {
    }

    internal CudaStream(CudaContext context)
        : base(context)
    {
        using var binding = context.Bind();
        StreamHandle stream;
        Driver.cuStreamCreate(&stream, Driver.NonBlockingStream).ThrowIfFailed();
        SetHandle(stream.Value);
    }

    /// <summary>Takes a stream that other code made and will destroy.</summary>
    internal CudaStream(CudaContext context, StreamHandle foreign)
        : base(context)
    {
        _isForeign = true;
        SetHandle(foreign.Value);
    }

    internal StreamHandle Handle => new(Value);

    /// <summary>Whether work can be captured from it: from all but the default stream, which is 0 or
    /// CU_STREAM_LEGACY.</summary>
    internal bool CanCapture => Value is not (0 or 1);

    /// <summary>Waits for everything queued here.</summary>
    /// <exception cref="CudaException">Something queued failed.</exception>
    public void Synchronize()
    {
        using var binding = Context.Bind();
        Driver.cuStreamSynchronize(Handle).ThrowIfFailed();
    }

    /// <summary>Has an event happen once everything queued here so far is done.</summary>
    /// <param name="happening">The event.</param>
    public void Record(CudaEvent happening)
    {
        ArgumentNullException.ThrowIfNull(happening);
        using var binding = Context.Bind();
        Driver.cuEventRecord(happening.Handle, Handle).ThrowIfFailed();
    }

    /// <summary>Holds back what is queued here from now on until an event has happened. The caller does not
    /// wait.</summary>
    /// <param name="happening">The event.</param>
    public void Wait(CudaEvent happening)
    {
        ArgumentNullException.ThrowIfNull(happening);
        using var binding = Context.Bind();
        Driver.cuStreamWaitEvent(Handle, happening.Handle, 0).ThrowIfFailed();
    }

    private protected override CudaResult Destroy(nint value) =>
        _isForeign ? CudaResult.Success : Driver.cuStreamDestroy_v2(new StreamHandle(value));

    private static CudaContext ContextOf(CudaBackend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        return backend.Context;
    }
}
