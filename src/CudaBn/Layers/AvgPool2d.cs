namespace CudaBn;

/// <summary>Two-dimensional average pooling.</summary>
/// <remarks>Input [N, C, H, W]; output [N, C, OH, OW] with OH = (H + 2 * padding - window) / stride + 1, rounded down,
/// and OW alike. With <c>ceilMode</c> it is rounded up, but a last window that would start behind the input is left
/// out. Padding adds 0 to the sum of a window.</remarks>
public sealed class AvgPool2d : AvgPool
{
    /// <summary>Describes the layer.</summary>
    /// <param name="window">Rows and columns of the window.</param>
    /// <param name="stride">Rows and columns from one window to the next; the window when null.</param>
    /// <param name="padding">Rows and columns around the input, at most half the window; 0 when null.</param>
    /// <param name="ceilMode">Whether the last window may reach beyond the padded input.</param>
    /// <param name="countIncludePad">Whether sums are divided by the number of places of the window up to the edge of
    /// the padded input, or of the input alone.</param>
    /// <param name="divisorOverride">What sums are divided by instead, above 0; null for the number of places.</param>
    /// <exception cref="ArgumentException">A size or the divisor is not positive, or the padding is negative or more
    /// than half the window.</exception>
    public AvgPool2d(
        Size2d window, Size2d? stride = null, Size2d? padding = null, bool ceilMode = false,
        bool countIncludePad = true, int? divisorOverride = null)
        : base(PoolWindows.OfImages(nameof(AvgPool2d), window, stride, padding, ceilMode), countIncludePad,
            divisorOverride)
    {
    }

    /// <summary>Rows and columns of the window.</summary>
    public Size2d Window => new(Windows.Window.Height, Windows.Window.Width);

    /// <summary>Rows and columns from one window to the next.</summary>
    public Size2d Stride => new(Windows.Stride.Height, Windows.Stride.Width);

    /// <summary>Rows and columns around the input.</summary>
    public Size2d Padding => new(Windows.Padding.Height, Windows.Padding.Width);

    internal override Layer Copy() => new AvgPool2d(
        Window, Stride, Padding, CeilMode, CountIncludePad, DivisorOverride) { IsTraining = IsTraining };
}
