using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cuda.Native;

/// <summary>The functions of cuBLAS that are used. Matrices are column-major there.</summary>
internal static unsafe partial class Cublas
{
    /// <summary>CUBLAS_OP_N.</summary>
    public const int AsIs = 0;

    /// <summary>CUBLAS_OP_T.</summary>
    public const int Transposed = 1;

    private const string Library = NativeLibraries.Cublas;

    [LibraryImport(Library)]
    public static partial CublasStatus cublasCreate_v2(BlasHandle* handle);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasDestroy_v2(BlasHandle handle);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasGetVersion_v2(BlasHandle handle, int* version);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasSetStream_v2(BlasHandle handle, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasSetWorkspace_v2(BlasHandle handle, DevicePointer workspace, nuint bytes);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasSgemm_v2(
        BlasHandle handle, int transposeA, int transposeB, int m, int n, int k,
        float* alpha, nint a, int lda, nint b, int ldb, float* beta, nint c, int ldc);

    [LibraryImport(Library)]
    public static partial CublasStatus cublasDgemm_v2(
        BlasHandle handle, int transposeA, int transposeB, int m, int n, int k,
        double* alpha, nint a, int lda, nint b, int ldb, double* beta, nint c, int ldc);
}
