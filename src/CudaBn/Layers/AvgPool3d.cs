namespace CudaBn;

/// <summary>Three-dimensional average pooling.</summary>
/// <remarks>Input [N, C, D, H, W]; output [N, C, OD, OH, OW] with OD = (D + 2 * padding - window) / stride + 1, rounded
/// down, OH and OW alike. With <c>ceilMode</c> it is rounded up, but a last window that would start behind the input is
/// left out. Padding adds 0 to the sum of a window.</remarks>
public sealed class AvgPool3d : AvgPool
{
    /// <summary>Describes the layer.</summary>
    /// <param name="window">Slices, rows and columns of the window.</param>
    /// <param name="stride">Slices, rows and columns from one window to the next; the window when null.</param>
    /// <param name="padding">Slices, rows and columns around the input, at most half the window; 0 when null.</param>
    /// <param name="ceilMode">Whether the last window may reach beyond the padded input.</param>
    /// <param name="countIncludePad">Whether sums are divided by the number of places of the window up to the edge of
    /// the padded input, or of the input alone.</param>
    /// <param name="divisorOverride">What sums are divided by instead, above 0; null for the number of places.</param>
    /// <exception cref="ArgumentException">A size or the divisor is not positive, or the padding is negative or more
    /// than half the window.</exception>
    public AvgPool3d(
        Size3d window, Size3d? stride = null, Size3d? padding = null, bool ceilMode = false,
        bool countIncludePad = true, int? divisorOverride = null)
        : base(PoolWindows.OfVolumes(nameof(AvgPool3d), window, stride, padding, ceilMode), countIncludePad,
            divisorOverride)
    {
    }

    /// <summary>Slices, rows and columns of the window.</summary>
    public Size3d Window => Windows.Window;

    /// <summary>Slices, rows and columns from one window to the next.</summary>
    public Size3d Stride => Windows.Stride;

    /// <summary>Slices, rows and columns around the input.</summary>
    public Size3d Padding => Windows.Padding;

    internal override Layer Copy() => new AvgPool3d(
        Window, Stride, Padding, CeilMode, CountIncludePad, DivisorOverride) { IsTraining = IsTraining };
}
