namespace CudaBn.Backends.OpArgs;

/// <summary>What backward needs of a rectifier behind an addition, and what it leaves for the addend.</summary>
/// <param name="Output">What forward wrote. The gradient passes where it is above 0 or NaN.</param>
/// <param name="GradAddend">Written, of the same shape: the gradient of the output where it passes, else 0.</param>
public readonly record struct RectifiedSum(Tensor Output, Tensor GradAddend);
