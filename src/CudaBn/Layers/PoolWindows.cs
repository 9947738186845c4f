using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Windows of a fixed size over signals, images or volumes: what max-pooling and average pooling share.</summary>
internal sealed class PoolWindows
{
    private readonly int _axes;

    // So many of the last sizes count, the others are neutral.
    private PoolWindows(string layer, int axes, Size3d window, Size3d stride, Size3d padding, bool ceilMode)
    {
        _axes = axes;
        (Window, Stride, Padding, CeilMode) = (window, stride, padding, ceilMode);
        if (Least(Window) <= 0)
            throw new ArgumentException($"{layer}: window {Text(Window)} must be positive.");
        if (Least(Stride) <= 0)
            throw new ArgumentException($"{layer}: stride {Text(Stride)} must be positive.");
        if (Least(Padding) < 0)
            throw new ArgumentException($"{layer}: padding {Text(Padding)} must not be negative.");
        // A window wholly in the padding would have no maximum and, where padding is not counted, no average.
        if (2L * Padding.Depth > Window.Depth || 2L * Padding.Height > Window.Height
            || 2L * Padding.Width > Window.Width)
            throw new ArgumentException(
                $"{layer}: padding {Text(Padding)} is more than half the window {Text(Window)}.");
    }

    /// <summary>Windows over [N, C, L]. The stride is the window when null.</summary>
    /// <exception cref="ArgumentException">A size is out of its range; the message names the layer.</exception>
    public static PoolWindows OfSignals(string layer, int window, int? stride, int padding, bool ceilMode) =>
        new(layer, 1, new(1, 1, window), new(1, 1, stride ?? window), new(0, 0, padding), ceilMode);

    /// <summary>Windows over [N, C, H, W]. The stride is the window when null, the padding 0.</summary>
    /// <exception cref="ArgumentException">A size is out of its range; the message names the layer.</exception>
    public static PoolWindows OfImages(string layer, Size2d window, Size2d? stride, Size2d? padding, bool ceilMode)
    {
        Size2d step = stride ?? window, around = padding ?? 0;
        return new(
            layer, 2, new(1, window.Height, window.Width), new(1, step.Height, step.Width),
            new(0, around.Height, around.Width), ceilMode);
    }

    /// <summary>Windows over [N, C, D, H, W]. The stride is the window when null, the padding 0.</summary>
    /// <exception cref="ArgumentException">A size is out of its range; the message names the layer.</exception>
    public static PoolWindows OfVolumes(string layer, Size3d window, Size3d? stride, Size3d? padding, bool ceilMode) =>
        new(layer, 3, window, stride ?? window, padding ?? 0, ceilMode);

    public Size3d Window { get; }

    public Size3d Stride { get; }

    public Size3d Padding { get; }

    public bool CeilMode { get; }

    /// <summary>The shape of the output for a shape of the input.</summary>
    /// <exception cref="ArgumentException">The input is of another rank, or no window fits it.</exception>
    public Shape OutputShape(Shape input, string label)
    {
        if (input.Rank != _axes + 2)
            throw new ArgumentException($"{label} takes {InputText(_axes)}; its input is {input}.");
        var size = SpatialSize(input);
        var (depth, height, width) = (
            OutSize(size.Depth, Window.Depth, Stride.Depth, Padding.Depth),
            OutSize(size.Height, Window.Height, Stride.Height, Padding.Height),
            OutSize(size.Width, Window.Width, Stride.Width, Padding.Width));
        var (paddedDepth, paddedHeight, paddedWidth) = (
            size.Depth + 2L * Padding.Depth, size.Height + 2L * Padding.Height, size.Width + 2L * Padding.Width);
        var padded = $"padded input {Text(paddedDepth, paddedHeight, paddedWidth)} of {input}";
        if (Math.Max(paddedDepth, Math.Max(paddedHeight, paddedWidth)) > int.MaxValue)
            throw new ArgumentException($"{label}: the {padded} must not exceed {int.MaxValue} along an axis.");
        if (depth <= 0 || height <= 0 || width <= 0)
            throw new ArgumentException(
                $"{label}: window {Text(Window)} is larger than the {padded}"
                + (CeilMode ? $" by the stride {Text(Stride)} or more." : "."));
        return _axes switch
        {
            1 => [input[0], input[1], (int)width],
            2 => [input[0], input[1], (int)height, (int)width],
            _ => [input[0], input[1], (int)depth, (int)height, (int)width],
        };
    }

    /// <summary>The sizes for a backend.</summary>
    public PoolGeometry Geometry(Shape input, Shape output) => new(
        (long)input[0] * input[1], SpatialSize(input), SpatialSize(output), Window, Stride, Padding);

    /// <summary>How messages write the input of so many spatial axes.</summary>
    public static string InputText(int axes) => axes switch
    {
        1 => "[N, C, L]",
        2 => "[N, C, H, W]",
        _ => "[N, C, D, H, W]",
    };

    /// <summary>The last axes of [N, C, ...] as those of a volume.</summary>
    public static Size3d SpatialSize(Shape shape) => new(
        shape.Rank > 4 ? shape.Sizes[^3] : 1, shape.Rank > 3 ? shape.Sizes[^2] : 1, shape.Sizes[^1]);

    // The rule of PyTorch: rounded up, but a last window that would start behind the input is left out. Not positive where
    // no window fits.
    private long OutSize(int input, int window, int stride, int padding)
    {
        var room = input + 2L * padding - window + (CeilMode ? stride - 1L : 0);
        if (room < 0)
            return 0;
        var size = room / stride + 1;
        return CeilMode && (size - 1) * stride >= (long)input + padding ? size - 1 : size;
    }

    private int Least(Size3d size) => _axes switch
    {
        1 => size.Width,
        2 => Math.Min(size.Height, size.Width),
        _ => Math.Min(size.Depth, Math.Min(size.Height, size.Width)),
    };

    private string Text(Size3d size) => Text(size.Depth, size.Height, size.Width);

    private string Text(long depth, long height, long width) => _axes switch
    {
        1 => $"{width}",
        2 => $"{height}x{width}",
        _ => $"{depth}x{height}x{width}",
    };
}
