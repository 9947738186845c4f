namespace CudaBn.Backends.OpArgs;

/// <summary>The first element of each of many tensors that is NaN or infinite.</summary>
/// <param name="Tensors">At least one, all Float32 or all Float64.</param>
/// <param name="Indices">Written: Int64 [n], n the number of tensors: the index of that element in row-major order, -1 where
/// all are finite.</param>
public readonly record struct FirstNonFiniteArgs(IReadOnlyList<Tensor> Tensors, Tensor Indices);
