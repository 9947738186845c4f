namespace CudaBn.Backends.OpArgs;

/// <summary>The sizes of one two-dimensional max-pooling.</summary>
/// <param name="Planes">N * C: every channel of every image is pooled on its own.</param>
/// <param name="InHeight">Rows of the input.</param>
/// <param name="InWidth">Columns of the input.</param>
/// <param name="OutHeight">Rows of the output.</param>
/// <param name="OutWidth">Columns of the output.</param>
/// <param name="WindowHeight">Rows of the window.</param>
/// <param name="WindowWidth">Columns of the window.</param>
/// <param name="StrideY">Rows from one window to the next.</param>
/// <param name="StrideX">Columns from one window to the next.</param>
/// <param name="PaddingY">Rows above and below the input that never win.</param>
/// <param name="PaddingX">Columns left and right of the input that never win.</param>
public readonly record struct MaxPool2dGeometry(
    long Planes,
    int InHeight,
    int InWidth,
    int OutHeight,
    int OutWidth,
    int WindowHeight,
    int WindowWidth,
    int StrideY,
    int StrideX,
    int PaddingY,
    int PaddingX)
{
    /// <summary>The element type of the saved arg-max: UInt8 where a window has at most 256 places, else
    /// Int32.</summary>
    public DType ArgMaxType => (long)WindowHeight * WindowWidth <= 256 ? DType.UInt8 : DType.Int32;
}
