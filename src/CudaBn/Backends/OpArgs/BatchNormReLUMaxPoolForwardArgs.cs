namespace CudaBn.Backends.OpArgs;

/// <summary>Batch normalization with the statistics of the batch, rectifier and max-pooling in one sweep, equal to the
/// three one after the other.</summary>
/// <param name="Geometry">The sizes of the normalization; at least two values per channel.</param>
/// <param name="Pool">The sizes of the pooling: windows of 2 x 2 side by side that cover the input exactly.</param>
/// <param name="Input">[N, C, InHeight, InWidth].</param>
/// <param name="Gamma">[C]; null for 1.</param>
/// <param name="Beta">[C]; null for 0.</param>
/// <param name="Epsilon">Added to the biased variance.</param>
/// <param name="Running">The running statistics to update; null for none.</param>
/// <param name="Output">Written: [N, C, OutHeight, OutWidth].</param>
/// <param name="Mean">Written for backward: Float64 [C].</param>
/// <param name="InvStd">Written for backward: Float64 [C].</param>
/// <param name="ArgMax">Written for backward: UInt8, of the output's shape. The place y * 2 + x inside the window that
/// won, or <see cref="Rectified"/> where the rectifier made it 0.</param>
/// <param name="Winners">Written for backward: the inputs that won, of the output's shape and the input's element
/// type.</param>
public readonly record struct BatchNormReLUMaxPoolForwardArgs(
    BatchNormGeometry Geometry,
    PoolGeometry Pool,
    Tensor Input,
    Tensor? Gamma,
    Tensor? Beta,
    double Epsilon,
    RunningStatistics? Running,
    Tensor Output,
    Tensor Mean,
    Tensor InvStd,
    Tensor ArgMax,
    Tensor Winners)
{
    /// <summary>What stands for a window through which no gradient flows.</summary>
    public const byte Rectified = 255;
}
