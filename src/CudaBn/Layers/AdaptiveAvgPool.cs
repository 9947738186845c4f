using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Average pooling to a given output size: what <see cref="AdaptiveAvgPool1d"/>, <see cref="AdaptiveAvgPool2d"/>
/// and <see cref="AdaptiveAvgPool3d"/> share.</summary>
/// <remarks>Along an axis of I inputs and O outputs, output o is the average of the inputs from floor(o * I / O) up to
/// ceil((o + 1) * I / O), as in PyTorch. The output may be larger than the input.</remarks>
public abstract class AdaptiveAvgPool : Layer
{
    private readonly int?[] _outputSize;

    private protected AdaptiveAvgPool(params int?[] outputSize)
    {
        foreach (var size in outputSize)
        {
            if (size <= 0)
                throw new ArgumentException($"{GetType().Name}: output size {size} must be positive.");
        }

        _outputSize = outputSize;
    }

    /// <inheritdoc/>
    protected internal override string Kind => "pool";

    /// <summary>What was asked for along an axis, counted from the first spatial one.</summary>
    private protected int? SizeOf(int axis) => _outputSize[axis];

    private protected override Shape OutputShape(Shape input)
    {
        if (input.Rank != _outputSize.Length + 2)
            throw new ArgumentException($"{Label} takes {PoolWindows.InputText(_outputSize.Length)}; its input is {input}.");
        int[] sizes = [.. input];
        for (var axis = 0; axis < _outputSize.Length; axis++)
            sizes[axis + 2] = _outputSize[axis] ?? sizes[axis + 2];
        return new Shape(sizes);
    }

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        if (IsGlobal(output))
            GlobalAvgPool.Forward(input, output);
        else
            Backend.AdaptiveAvgPoolForward(new AdaptiveAvgPoolForwardArgs(Geometry(input, output), input, output));
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        var gradInput = GradInputFor(input, needsInputGradient);
        if (gradInput is null)
            return null;
        if (IsGlobal(output))
            GlobalAvgPool.Backward(gradOutput, gradInput);
        else
            Backend.AdaptiveAvgPoolBackward(
                new AdaptiveAvgPoolBackwardArgs(Geometry(input, output), gradOutput, gradInput));
        return gradInput;
    }

    private static bool IsGlobal(Tensor output) => PoolWindows.SpatialSize(output.Shape) == new Size3d(1, 1, 1);

    private static AdaptiveAvgPoolGeometry Geometry(Tensor input, Tensor output)
    {
        Size3d from = PoolWindows.SpatialSize(input.Shape), to = PoolWindows.SpatialSize(output.Shape);
        return new(
            (long)input.Shape[0] * input.Shape[1], from.Depth, from.Height, from.Width, to.Depth, to.Height, to.Width);
    }
}
