namespace CudaBn.Backends.OpArgs;

/// <summary>Dropout: an element is multiplied by 0 with a probability, else by 1 / (1 - probability).</summary>
/// <param name="Mask">Which elements.</param>
/// <param name="Input">Any shape.</param>
/// <param name="Output">Written, of the input's shape.</param>
public readonly record struct DropoutForwardArgs(DropoutMask Mask, Tensor Input, Tensor Output);
