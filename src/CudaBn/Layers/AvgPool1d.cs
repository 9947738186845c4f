namespace CudaBn;

/// <summary>One-dimensional average pooling.</summary>
/// <remarks>Input [N, C, L]; output [N, C, OL] with OL = (L + 2 * padding - window) / stride + 1, rounded down. With
/// <c>ceilMode</c> it is rounded up, but a last window that would start behind the input is left out. Padding adds 0 to
/// the sum of a window.</remarks>
public sealed class AvgPool1d : AvgPool
{
    /// <summary>Describes the layer.</summary>
    /// <param name="window">Elements of the window.</param>
    /// <param name="stride">Elements from one window to the next; the window when null.</param>
    /// <param name="padding">Elements around the input, at most half the window.</param>
    /// <param name="ceilMode">Whether the last window may reach beyond the padded input.</param>
    /// <param name="countIncludePad">Whether sums are divided by the number of places of the window up to the edge of
    /// the padded input, or of the input alone.</param>
    /// <param name="divisorOverride">What sums are divided by instead, above 0; null for the number of places.</param>
    /// <exception cref="ArgumentException">A size or the divisor is not positive, or the padding is negative or more
    /// than half the window.</exception>
    public AvgPool1d(
        int window, int? stride = null, int padding = 0, bool ceilMode = false,
        bool countIncludePad = true, int? divisorOverride = null)
        : base(PoolWindows.OfSignals(nameof(AvgPool1d), window, stride, padding, ceilMode), countIncludePad,
            divisorOverride)
    {
    }

    /// <summary>Elements of the window.</summary>
    public int Window => Windows.Window.Width;

    /// <summary>Elements from one window to the next.</summary>
    public int Stride => Windows.Stride.Width;

    /// <summary>Elements around the input.</summary>
    public int Padding => Windows.Padding.Width;

    internal override Layer Copy() => new AvgPool1d(
        Window, Stride, Padding, CeilMode, CountIncludePad, DivisorOverride) { IsTraining = IsTraining };
}
