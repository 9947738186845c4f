namespace CudaBn.Backends.OpArgs;

/// <summary>Rectifier: max(x, 0), where NaN stays NaN.</summary>
/// <param name="Input">Any shape.</param>
/// <param name="Output">Written, of the input's shape; may be the input.</param>
public readonly record struct ReLUForwardArgs(Tensor Input, Tensor Output);
