using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>A queue of work, which runs in order and apart from other queues.</summary>
internal sealed unsafe class CudaStream : CudaHandle
{
    /// <summary>Makes a stream. The context must be bound.</summary>
    public CudaStream(CudaContext context)
        : base(context)
    {
        StreamHandle stream;
        Driver.cuStreamCreate(&stream, Driver.NonBlockingStream).ThrowIfFailed();
        SetHandle(stream.Value);
    }

    public StreamHandle Handle => new(Value);

    protected override CudaResult Destroy(nint value) => Driver.cuStreamDestroy_v2(new StreamHandle(value));
}
