using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Max-pooling of signals, images or volumes: what <see cref="MaxPool1d"/>, <see cref="MaxPool2d"/> and
/// <see cref="MaxPool3d"/> share.</summary>
/// <remarks>The first maximum in row-major window order wins a tie, NaN wins over numbers, and padding never wins. In the
/// backward pass windows that overlap add up in row-major order.</remarks>
public abstract class MaxPool : Layer
{
    private readonly Workspace _argMax = new();
    private Tensor? _lastArgMax;

    private protected MaxPool(PoolWindows windows) => Windows = windows;

    /// <summary>Whether the last window of an axis may reach beyond the padded input.</summary>
    public bool CeilMode => Windows.CeilMode;

    /// <inheritdoc/>
    protected internal override string Kind => "pool";

    private protected PoolWindows Windows { get; }

    internal PoolGeometry Geometry(Shape input, Shape output) => Windows.Geometry(input, output);

    private protected override Shape OutputShape(Shape input) => Windows.OutputShape(input, Label);

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        var geometry = Geometry(input.Shape, output.Shape);
        _lastArgMax = _argMax.Get(output.Shape, geometry.ArgMaxType, Device);
        Backend.MaxPoolForward(new MaxPoolForwardArgs(geometry, input, output, _lastArgMax));
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        var gradInput = GradInputFor(input, needsInputGradient);
        if (gradInput is not null)
            Backend.MaxPoolBackward(new MaxPoolBackwardArgs(
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
}
