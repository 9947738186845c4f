using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Two-dimensional max-pooling.</summary>
/// <remarks>Input [N, C, H, W]; output [N, C, OH, OW] with OH = (H + 2 * padding - window) / stride + 1, rounded down,
/// and OW alike. The first maximum in row-major window order wins a tie, NaN wins over numbers, and padding never
/// wins.</remarks>
public sealed class MaxPool2d : Layer
{
    private readonly Workspace _argMax = new();
    private Tensor? _lastArgMax;

    /// <summary>Describes the layer.</summary>
    /// <param name="window">Rows and columns of the window.</param>
    /// <param name="stride">Step of the window; the window when null.</param>
    /// <param name="padding">Rows and columns around the input, at most half the window; 0 when null.</param>
    /// <exception cref="ArgumentException">A size is not positive, or the padding is negative or more than half the
    /// window.</exception>
    public MaxPool2d(Size2d window, Size2d? stride = null, Size2d? padding = null)
    {
        Window = window;
        Stride = stride ?? window;
        Padding = padding ?? 0;
        Window.RequirePositive("window", nameof(MaxPool2d));
        Stride.RequirePositive("stride", nameof(MaxPool2d));
        Padding.RequireNotNegative("padding", nameof(MaxPool2d));
        // A window wholly in the padding would have no maximum.
        if (2L * Padding.Height > Window.Height || 2L * Padding.Width > Window.Width)
            throw new ArgumentException($"MaxPool2d: padding {Padding} is more than half the window {Window}.");
    }

    /// <summary>Rows and columns of the window.</summary>
    public Size2d Window { get; }

    /// <summary>Step of the window.</summary>
    public Size2d Stride { get; }

    /// <summary>Rows and columns around the input that never win.</summary>
    public Size2d Padding { get; }

    /// <inheritdoc/>
    protected internal override string Kind => "pool";

    internal override Layer Copy() => new MaxPool2d(Window, Stride, Padding) { IsTraining = IsTraining };

    private protected override Shape OutputShape(Shape input)
    {
        if (input.Rank != 4)
            throw new ArgumentException($"{Label} takes [N, C, H, W]; its input is {input}.");
        var height = input[2] + 2L * Padding.Height;
        var width = input[3] + 2L * Padding.Width;
        if (height < Window.Height || width < Window.Width)
            throw new ArgumentException(
                $"{Label}: window {Window} is larger than the padded input {height}x{width} of {input}.");
        return [input[0], input[1], checked((int)((height - Window.Height) / Stride.Height + 1)),
            checked((int)((width - Window.Width) / Stride.Width + 1))];
    }

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        var geometry = Geometry(input.Shape, output.Shape);
        _lastArgMax = _argMax.Get(output.Shape, geometry.ArgMaxType, Device);
        Backend.MaxPool2dForward(new MaxPool2dForwardArgs(geometry, input, output, _lastArgMax));
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        var gradInput = GradInputFor(input, needsInputGradient);
        if (gradInput is not null)
            Backend.MaxPool2dBackward(new MaxPool2dBackwardArgs(
                Geometry(input.Shape, output.Shape), _lastArgMax!, gradOutput, gradInput));
        return gradInput;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _argMax.Dispose();
        base.Dispose(disposing);
    }

    internal MaxPool2dGeometry Geometry(Shape input, Shape output) => new(
        Planes: (long)input[0] * input[1],
        InHeight: input[2],
        InWidth: input[3],
        OutHeight: output[2],
        OutWidth: output[3],
        Window.Height,
        Window.Width,
        Stride.Height,
        Stride.Width,
        Padding.Height,
        Padding.Width);
}
