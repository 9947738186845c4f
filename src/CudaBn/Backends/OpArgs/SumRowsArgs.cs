namespace CudaBn.Backends.OpArgs;

/// <summary>The sums of the columns of a matrix, each from the first row to the last.</summary>
/// <param name="Rows">How many are added.</param>
/// <param name="Columns">How many sums there are.</param>
/// <param name="Source">[Rows, Columns].</param>
/// <param name="Destination">Written: [Columns].</param>
public readonly record struct SumRowsArgs(int Rows, int Columns, Tensor Source, Tensor Destination);
