using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>cuBLAS on one stream, with a workspace of its own: with that, its results are the same from run to run, and
/// its calls can be recorded.</summary>
internal sealed unsafe class CublasHandle : CudaHandle
{
    /// <summary>What cuBLAS recommends for Hopper, and ample for what came before.</summary>
    public const int WorkspaceBytes = 32 << 20;

    /// <summary>Opens cuBLAS. The context must be bound.</summary>
    /// <param name="context">Where.</param>
    /// <param name="stream">Where its work is queued.</param>
    /// <param name="workspace"><see cref="WorkspaceBytes"/> bytes that outlive it.</param>
    /// <exception cref="DllNotFoundException">It is not on this machine.</exception>
    public CublasHandle(CudaContext context, StreamHandle stream, DevicePointer workspace)
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
        Cublas.cublasSetWorkspace_v2(created, workspace, WorkspaceBytes).ThrowIfFailed();
    }

    /// <summary>10000 * major + 100 * minor + patch.</summary>
    public int Version { get; }

    /// <summary>The raw handle.</summary>
    public BlasHandle Handle => new(Value);

    private protected override CudaResult Destroy(nint value) =>
        Cublas.cublasDestroy_v2(new BlasHandle(value)) == CublasStatus.Success
            ? CudaResult.Success
            : CudaResult.InvalidHandle;
}
