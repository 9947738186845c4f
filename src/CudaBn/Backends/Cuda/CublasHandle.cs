using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>cuBLAS on one stream, with a workspace of its own: with that, its results are the same from run to run, and
/// its calls can be recorded.</summary>
internal sealed unsafe class CublasHandle : CudaHandle
{
    // What cuBLAS recommends for Hopper, and ample for what came before.
    private const int WorkspaceBytes = 32 << 20;

    private readonly CudaStorage _workspace;

    /// <summary>Opens cuBLAS. The context must be bound.</summary>
    /// <exception cref="DllNotFoundException">It is not on this machine.</exception>
    public CublasHandle(CudaContext context, StreamHandle stream)
        : base(context)
    {
        BlasHandle created;
        Cublas.cublasCreate_v2(&created).ThrowIfFailed();
        SetHandle(created.Value);
        int version;
        Cublas.cublasGetVersion_v2(created, &version).ThrowIfFailed();
        Version = version;
        Cublas.cublasSetStream_v2(created, stream).ThrowIfFailed();
        // After the stream: setting that takes the workspace back.
        _workspace = new CudaStorage(context, WorkspaceBytes);
        Cublas.cublasSetWorkspace_v2(created, new DevicePointer(_workspace.Address), WorkspaceBytes).ThrowIfFailed();
    }

    /// <summary>10000 * major + 100 * minor + patch.</summary>
    public int Version { get; }

    /// <summary>The raw handle.</summary>
    public BlasHandle Handle => new(Value);

    protected override CudaResult Destroy(nint value) =>
        Cublas.cublasDestroy_v2(new BlasHandle(value)) == CublasStatus.Success
            ? CudaResult.Success
            : CudaResult.InvalidHandle;

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
            _workspace?.Dispose();
    }
}
