using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private CublasHandle? _blas;
    private DeviceMemory? _blasWorkspace;
    private string? _whyNoBlas;

    /// <summary>cuBLAS, opened when first asked for; null where it is missing or <c>CUDABN_CUBLAS</c> says <c>off</c>, and
    /// products of matrices run on a kernel of this library. Inside <see cref="Enter"/>.</summary>
    internal CublasHandle? Blas
    {
        get
        {
            if (_blas is null && _whyNoBlas is null)
                OpenBlas();
            return _blas;
        }
    }

    /// <summary>Why there is no cuBLAS; null if there is, or nobody has asked yet.</summary>
    internal string? WhyNoBlas => _whyNoBlas;

    /// <summary>The version of cuBLAS; null where products of matrices run on a kernel of this library.</summary>
    internal Version? CublasVersion
    {
        get
        {
            using var scope = Enter();
            return Blas is { } blas ? new Version(blas.Version / 10_000, blas.Version / 100 % 100) : null;
        }
    }

    private void OpenBlas()
    {
        if (Environment.GetEnvironmentVariable("CUDABN_CUBLAS") == "off")
        {
            _whyNoBlas = "CUDABN_CUBLAS=off";
            return;
        }

        if (!NativeLibraries.Find(NativeLibraries.Cublas).Has(NeededFunctions.Cublas))
        {
            _whyNoBlas = "cuBLAS was not found";
            return;
        }

        _blasWorkspace ??= TakeForBackend(CublasHandle.WorkspaceBytes);
        _blas = new CublasHandle(_context, _stream.Handle, new DevicePointer(_blasWorkspace.Address));
    }
}
