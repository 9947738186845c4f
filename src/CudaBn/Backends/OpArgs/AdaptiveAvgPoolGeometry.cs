namespace CudaBn.Backends.OpArgs;

/// <summary>The sizes of one average pooling to a given output size. Along an axis of I inputs and O outputs, window o
/// is that of the inputs from floor(o * I / O) up to ceil((o + 1) * I / O), as in PyTorch: windows cover all inputs, and
/// where O does not divide I, neighbours share one.</summary>
/// <param name="Planes">N * C: every channel of every sample is pooled on its own.</param>
/// <param name="InDepth">Slices of the input; 1 for images.</param>
/// <param name="InHeight">Rows of the input; 1 for signals.</param>
/// <param name="InWidth">Columns of the input.</param>
/// <param name="OutDepth">Slices of the output.</param>
/// <param name="OutHeight">Rows of the output.</param>
/// <param name="OutWidth">Columns of the output.</param>
public readonly record struct AdaptiveAvgPoolGeometry(
    long Planes, int InDepth, int InHeight, int InWidth, int OutDepth, int OutHeight, int OutWidth)
{
    /// <summary>Inputs of a plane.</summary>
    internal long InPlaces => (long)InDepth * InHeight * InWidth;
}
