namespace CudaBn;

/// <summary>One-dimensional max-pooling.</summary>
/// <remarks>Input [N, C, L]; output [N, C, OL] with OL = (L + 2 * padding - window) / stride + 1, rounded down. With
/// <c>ceilMode</c> it is rounded up, but a last window that would start behind the input is left out. The first maximum
/// in row-major window order wins a tie, NaN wins over numbers, and padding never wins.</remarks>
public sealed class MaxPool1d : MaxPool
{
    /// <summary>Describes the layer.</summary>
    /// <param name="window">Elements of the window.</param>
    /// <param name="stride">Elements from one window to the next; the window when null.</param>
    /// <param name="padding">Elements around the input, at most half the window.</param>
    /// <param name="ceilMode">Whether the last window may reach beyond the padded input.</param>
    /// <exception cref="ArgumentException">A size is not positive, or the padding is negative or more than half the
    /// window.</exception>
    public MaxPool1d(int window, int? stride = null, int padding = 0, bool ceilMode = false)
        : base(PoolWindows.OfSignals(nameof(MaxPool1d), window, stride, padding, ceilMode))
    {
    }

    /// <summary>Elements of the window.</summary>
    public int Window => Windows.Window.Width;

    /// <summary>Elements from one window to the next.</summary>
    public int Stride => Windows.Stride.Width;

    /// <summary>Elements around the input that never win.</summary>
    public int Padding => Windows.Padding.Width;

    internal override Layer Copy() => new MaxPool1d(Window, Stride, Padding, CeilMode) { IsTraining = IsTraining };
}
