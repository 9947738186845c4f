using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Average pooling of signals, images or volumes: what <see cref="AvgPool1d"/>, <see cref="AvgPool2d"/> and
/// <see cref="AvgPool3d"/> share.</summary>
/// <remarks>The sum of a window is divided by its number of places: those up to the edge of the padded input, or with
/// <c>countIncludePad</c> false those in the input. Where <c>ceilMode</c> has a window reach further, the places there
/// do not count. PyTorch has the same rules.</remarks>
public abstract class AvgPool : Layer
{
    private readonly AvgPoolDivisor _divisor;

    private protected AvgPool(PoolWindows windows, bool countIncludePad, int? divisorOverride)
    {
        Windows = windows;
        if (divisorOverride <= 0)
            throw new ArgumentException($"{GetType().Name}: divisorOverride {divisorOverride} must be positive.");
        _divisor = new AvgPoolDivisor(countIncludePad, divisorOverride ?? 0);
    }

    /// <summary>Whether the last window of an axis may reach beyond the padded input.</summary>
    public bool CeilMode => Windows.CeilMode;

    /// <summary>Whether padding counts among the places that sums are divided by.</summary>
    public bool CountIncludePad => _divisor.CountsPadding;

    /// <summary>What sums are divided by instead of a number of places; null for that number.</summary>
    public int? DivisorOverride => _divisor.Override == 0 ? null : _divisor.Override;

    /// <inheritdoc/>
    protected internal override string Kind => "pool";

    private protected PoolWindows Windows { get; }

    private protected override Shape OutputShape(Shape input) => Windows.OutputShape(input, Label);

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        Backend.AvgPoolForward(new AvgPoolForwardArgs(
            Windows.Geometry(input.Shape, output.Shape), _divisor, input, output));
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        var gradInput = GradInputFor(input, needsInputGradient);
        if (gradInput is not null)
            Backend.AvgPoolBackward(new AvgPoolBackwardArgs(
                Windows.Geometry(input.Shape, output.Shape), _divisor, gradOutput, gradInput));
        return gradInput;
    }
}
