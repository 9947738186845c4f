using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    // As in gemm.cu.
    private const int GemmRows = 64;
    private const int GemmColumns = 64;
    private const int GemmThreads = 128;
    private const int LeastTermsPerSplit = 32;

    // Measured on an H100: up to here cuBLAS takes longer, ten times as long for some shapes.
    private const long LargestOwnProduct = 1 << 20;

    internal static readonly KernelFile GemmFile = new("gemm.cu");

    /// <summary>Multiplies matrices: large ones on cuBLAS where there is one, others on a kernel of this library.</summary>
    internal void Multiply(in MatrixProduct product, Tensor left, Tensor right, Tensor result)
    {
        if ((long)product.Rows * product.Columns * product.Terms > LargestOwnProduct && Blas is { } blas)
            MultiplyOnCublas(blas.Handle, in product, left, right, result);
        else
            MultiplyOnTiles(in product, left, right, result);
    }

    private void MultiplyOnCublas(
        BlasHandle blas, in MatrixProduct product, Tensor left, Tensor right, Tensor result)
    {
        _recording?.Uses(left);
        _recording?.Uses(right);
        _recording?.Uses(result);
        // cuBLAS reads columns where rows are: it sees all three transposed, and right * left instead of left * right.
        var (m, n, k) = (product.Columns, product.Rows, product.Terms);
        var (transposeA, lda) = product.IsRightTransposed ? (Cublas.Transposed, k) : (Cublas.AsIs, m);
        var (transposeB, ldb) = product.IsLeftTransposed ? (Cublas.Transposed, n) : (Cublas.AsIs, k);
        if (result.DType == DType.Float32)
        {
            float one = 1, zero = 0;
            Cublas.cublasSgemm_v2(
                blas, transposeA, transposeB, m, n, k, &one, right.Address, lda, left.Address, ldb, &zero,
                result.Address, m).ThrowIfFailed();
        }
        else
        {
            double one = 1, zero = 0;
            Cublas.cublasDgemm_v2(
                blas, transposeA, transposeB, m, n, k, &one, right.Address, lda, left.Address, ldb, &zero,
                result.Address, m).ThrowIfFailed();
        }
    }

    internal void MultiplyOnTiles(in MatrixProduct product, Tensor left, Tensor right, Tensor result)
    {
        var kernel = (product.IsLeftTransposed, product.IsRightTransposed) switch
        {
            (false, false) => "gemm_nn",
            (false, true) => "gemm_nt",
            (true, false) => "gemm_tn",
            _ => throw new ArgumentException("No operator multiplies two transposed matrices."),
        };
        var tiles = CeilDiv(product.Rows, GemmRows) * CeilDiv(product.Columns, GemmColumns);
        // Few tiles leave multiprocessors idle: then the terms are split among blocks, none shorter than a few steps.
        var wanted = Math.Clamp(2L * MultiprocessorCount / tiles, 1, CeilDiv(product.Terms, LeastTermsPerSplit));
        var steps = ConvTile.Steps(result.DType);
        var perSplit = (int)(CeilDiv(CeilDiv(product.Terms, wanted), steps) * steps);
        var splits = (int)CeilDiv(product.Terms, perSplit);
        var elements = result.ElementCount;
        KernelArgument sums = splits == 1 ? result : Scratch(splits * elements * result.DType.Size());
        Kernel(GemmFile, kernel, result.DType).Launch(
            Blocks(tiles * splits), GemmThreads,
            [left, right, product.Rows, product.Columns, product.Terms, perSplit, sums]);
        if (splits > 1)
            Kernel(GemmFile, "gemm_sum_splits", result.DType).Launch(
                Blocks(CeilDiv(elements, SplitSumColumns)), SplitSumThreads, [sums, splits, elements, result]);
    }
}
