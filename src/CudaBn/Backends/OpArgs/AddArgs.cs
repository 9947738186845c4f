namespace CudaBn.Backends.OpArgs;

/// <summary>Addition, element by element.</summary>
/// <param name="Left">Any shape.</param>
/// <param name="Right">Of the same shape; may be the same tensor.</param>
/// <param name="Sum">Written, of the same shape.</param>
public readonly record struct AddArgs(Tensor Left, Tensor Right, Tensor Sum);
