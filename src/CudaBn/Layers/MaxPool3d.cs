namespace CudaBn;

/// <summary>Three-dimensional max-pooling.</summary>
/// <remarks>Input [N, C, D, H, W]; output [N, C, OD, OH, OW] with OD = (D + 2 * padding - window) / stride + 1, rounded
/// down, OH and OW alike. With <c>ceilMode</c> it is rounded up, but a last window that would start behind the input is
/// left out. The first maximum in row-major window order wins a tie, NaN wins over numbers, and padding never
/// wins.</remarks>
public sealed class MaxPool3d : MaxPool
{
    /// <summary>Describes the layer.</summary>
    /// <param name="window">Slices, rows and columns of the window.</param>
    /// <param name="stride">Slices, rows and columns from one window to the next; the window when null.</param>
    /// <param name="padding">Slices, rows and columns around the input, at most half the window; 0 when null.</param>
    /// <param name="ceilMode">Whether the last window may reach beyond the padded input.</param>
    /// <exception cref="ArgumentException">A size is not positive, or the padding is negative or more than half the
    /// window.</exception>
    public MaxPool3d(Size3d window, Size3d? stride = null, Size3d? padding = null, bool ceilMode = false)
        : base(PoolWindows.OfVolumes(nameof(MaxPool3d), window, stride, padding, ceilMode))
    {
    }

    /// <summary>Slices, rows and columns of the window.</summary>
    public Size3d Window => Windows.Window;

    /// <summary>Slices, rows and columns from one window to the next.</summary>
    public Size3d Stride => Windows.Stride;

    /// <summary>Slices, rows and columns around the input that never win.</summary>
    public Size3d Padding => Windows.Padding;

    internal override Layer Copy() => new MaxPool3d(Window, Stride, Padding, CeilMode) { IsTraining = IsTraining };
}
