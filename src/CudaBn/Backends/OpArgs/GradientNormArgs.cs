namespace CudaBn.Backends.OpArgs;

/// <summary>The norm of the gradients of many parameters as one vector, and what keeps it within bounds.</summary>
/// <param name="Parameters">The parameters whose gradients are read.</param>
/// <param name="MaxNorm">The bound.</param>
/// <param name="Norm">Written: Float64 [1], the root of the sum of all squares, added up in double.</param>
/// <param name="Scale">Written: Float64 [1], MaxNorm / (norm + 1e-6), at most 1; NaN where the norm is.</param>
public readonly record struct GradientNormArgs(
    IReadOnlyList<Parameter> Parameters, double MaxNorm, Tensor Norm, Tensor Scale);
