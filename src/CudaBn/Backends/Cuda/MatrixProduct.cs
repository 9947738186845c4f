namespace CudaBn.Backends.Cuda;

/// <summary>The sizes of a product of row-major matrices: result[Rows, Columns] = left[Rows, Terms] * right[Terms,
/// Columns], where a transposed factor lies in memory the other way round.</summary>
internal readonly record struct MatrixProduct(
    int Rows, int Columns, int Terms, bool IsLeftTransposed, bool IsRightTransposed);
