namespace CudaBn.Backends.OpArgs;

/// <summary>Batch normalization with given statistics, addition and rectifier in one sweep, equal bit for bit to one after
/// the other.</summary>
/// <param name="Normalization">The normalization; its output is that of the whole.</param>
/// <param name="Addend">Added to what is normalized: [N, C, S]; null for nothing.</param>
/// <param name="Rectifies">Whether what is below 0 becomes 0; NaN stays NaN.</param>
public readonly record struct BatchNormFrozenAddReLUForwardArgs(
    BatchNormFrozenForwardArgs Normalization, Tensor? Addend, bool Rectifies);
