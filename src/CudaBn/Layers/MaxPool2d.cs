namespace CudaBn;

/// <summary>Two-dimensional max-pooling.</summary>
/// <remarks>Input [N, C, H, W]; output [N, C, OH, OW] with OH = (H + 2 * padding - window) / stride + 1, rounded down,
/// and OW alike. With <c>ceilMode</c> it is rounded up, but a last window that would start behind the input is left
/// out. The first maximum in row-major window order wins a tie, NaN wins over numbers, and padding never
/// wins.</remarks>
public sealed class MaxPool2d : MaxPool
{
    /// <summary>Describes the layer.</summary>
    /// <param name="window">Rows and columns of the window.</param>
    /// <param name="stride">Rows and columns from one window to the next; the window when null.</param>
    /// <param name="padding">Rows and columns around the input, at most half the window; 0 when null.</param>
    /// <param name="ceilMode">Whether the last window may reach beyond the padded input.</param>
    /// <exception cref="ArgumentException">A size is not positive, or the padding is negative or more than half the
    /// window.</exception>
    public MaxPool2d(Size2d window, Size2d? stride = null, Size2d? padding = null, bool ceilMode = false)
        : base(PoolWindows.OfImages(nameof(MaxPool2d), window, stride, padding, ceilMode))
    {
    }

    /// <summary>Rows and columns of the window.</summary>
    public Size2d Window => new(Windows.Window.Height, Windows.Window.Width);

    /// <summary>Rows and columns from one window to the next.</summary>
    public Size2d Stride => new(Windows.Stride.Height, Windows.Stride.Width);

    /// <summary>Rows and columns around the input that never win.</summary>
    public Size2d Padding => new(Windows.Padding.Height, Windows.Padding.Width);

    internal override Layer Copy() => new MaxPool2d(Window, Stride, Padding, CeilMode) { IsTraining = IsTraining };
}
