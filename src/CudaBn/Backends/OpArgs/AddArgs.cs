namespace CudaBn.Backends.OpArgs;

/// <summary>Addition, element by element.</summary>
/// <param name="Left">Any shape.</param>
/// <param name="Right">Of the same shape; may be the same tensor.</param>
/// <param name="Sum">Written, of the same shape; may be one of the two.</param>
/// <param name="Rectifies">Whether a sum below 0 becomes 0; NaN stays NaN.</param>
public readonly record struct AddArgs(Tensor Left, Tensor Right, Tensor Sum, bool Rectifies);
