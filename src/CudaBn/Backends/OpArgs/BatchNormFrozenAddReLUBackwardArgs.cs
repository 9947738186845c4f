namespace CudaBn.Backends.OpArgs;

/// <summary>Backward of batch normalization with given statistics and the rectifier behind it, with or without an addition in
/// between.</summary>
/// <param name="Normalization">The normalization; its gradient of the output is that of the whole.</param>
/// <param name="Beta">[C]; null for 0.</param>
/// <param name="Sum">The addition; null where there was none. Then the gradient passes where the normalized input, which is
/// worked out once more from what forward read, is above 0 or NaN.</param>
public readonly record struct BatchNormFrozenAddReLUBackwardArgs(
    BatchNormFrozenBackwardArgs Normalization, Tensor? Beta, RectifiedSum? Sum);
