namespace CudaBn.Backends.OpArgs;

/// <summary>The sizes of one pooling over windows of a fixed size. Images are volumes of depth 1, signals are images of
/// height 1.</summary>
/// <remarks>The last window may reach beyond the padded input, but it starts within the input or before it: every window
/// holds an element of the input.</remarks>
/// <param name="Planes">N * C: every channel of every sample is pooled on its own.</param>
/// <param name="InDepth">Slices of the input.</param>
/// <param name="InHeight">Rows of the input.</param>
/// <param name="InWidth">Columns of the input.</param>
/// <param name="OutDepth">Slices of the output.</param>
/// <param name="OutHeight">Rows of the output.</param>
/// <param name="OutWidth">Columns of the output.</param>
/// <param name="WindowDepth">Slices of the window.</param>
/// <param name="WindowHeight">Rows of the window.</param>
/// <param name="WindowWidth">Columns of the window.</param>
/// <param name="StrideZ">Slices from one window to the next.</param>
/// <param name="StrideY">Rows from one window to the next.</param>
/// <param name="StrideX">Columns from one window to the next.</param>
/// <param name="PaddingZ">Slices before and behind the input.</param>
/// <param name="PaddingY">Rows above and below the input.</param>
/// <param name="PaddingX">Columns left and right of the input.</param>
public readonly record struct PoolGeometry(
    long Planes,
    int InDepth,
    int InHeight,
    int InWidth,
    int OutDepth,
    int OutHeight,
    int OutWidth,
    int WindowDepth,
    int WindowHeight,
    int WindowWidth,
    int StrideZ,
    int StrideY,
    int StrideX,
    int PaddingZ,
    int PaddingY,
    int PaddingX)
{
    /// <summary>The same from one size for each of them.</summary>
    /// <param name="planes">N * C.</param>
    /// <param name="input">The input's size.</param>
    /// <param name="output">The output's size.</param>
    /// <param name="window">The window's size.</param>
    /// <param name="stride">From one window to the next.</param>
    /// <param name="padding">Around the input.</param>
    public PoolGeometry(long planes, Size3d input, Size3d output, Size3d window, Size3d stride, Size3d padding)
        : this(
            planes, input.Depth, input.Height, input.Width, output.Depth, output.Height, output.Width, window.Depth,
            window.Height, window.Width, stride.Depth, stride.Height, stride.Width, padding.Depth, padding.Height,
            padding.Width)
    {
    }

    /// <summary>The element type of the saved arg-max: UInt8 where a window has at most 256 places, else
    /// Int32.</summary>
    public DType ArgMaxType => WindowPlaces <= 256 ? DType.UInt8 : DType.Int32;

    /// <summary>Inputs of a plane.</summary>
    internal long InPlaces => (long)InDepth * InHeight * InWidth;

    /// <summary>Places of a window, those outside of the input included.</summary>
    internal long WindowPlaces => (long)WindowDepth * WindowHeight * WindowWidth;

    /// <summary>The same pooling with slices as planes of their own, where windows and steps are of one slice.</summary>
    internal PoolGeometry SlicesAsPlanes => WindowDepth == 1 && StrideZ == 1 && PaddingZ == 0
        ? this with { Planes = Planes * InDepth, InDepth = 1, OutDepth = 1 }
        : this;

    /// <summary>Whether windows are of 2 x 2 inputs side by side, all inside the input.</summary>
    internal bool IsPairs =>
        this is
        {
            InDepth: 1, WindowDepth: 1, WindowHeight: 2, WindowWidth: 2, StrideY: 2, StrideX: 2, PaddingZ: 0, PaddingY: 0,
            PaddingX: 0,
        }
        && OutHeight <= InHeight / 2
        && OutWidth <= InWidth / 2;

    /// <summary>Whether the windows of <see cref="IsPairs"/> leave no input out.</summary>
    internal bool IsPairsOnly => IsPairs && InWidth == 2 * OutWidth && InHeight == 2 * OutHeight;
}
