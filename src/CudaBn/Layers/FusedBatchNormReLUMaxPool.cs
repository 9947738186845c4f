namespace CudaBn;

/// <summary>A batch normalization, a rectifier and a 2 x 2 max-pooling that a <see cref="Sequential"/> runs as
/// one.</summary>
internal sealed class FusedBatchNormReLUMaxPool(BatchNorm batchNorm, ReLU relu, MaxPool2d pool) : FusedStep(layerCount: 3)
{
    private readonly Workspace _output = new();
    private readonly Workspace _argMax = new();
    private readonly Workspace _winners = new();
    private readonly Workspace _gradInput = new();
    private Tensor? _lastInput;
    private Tensor? _lastArgMax;
    private Tensor? _lastWinners;

    public override bool RequiresGradient => batchNorm.RequiresGradient;

    /// <summary>Whether the three layers make up what the fused operator does to images of this shape.</summary>
    public override bool Takes(Tensor input) =>
        batchNorm is { FusesWithNeighbours: true, ChannelsLast: false }
        && !(batchNorm.IsTraining && batchNorm.FreezeStatistics)
        && input.Shape.Rank == 4
        && input.Shape[2] % 2 == 0
        && input.Shape[3] % 2 == 0;

    /// <summary>Whether the pooling is the one that the fused operator does.</summary>
    public static bool Takes(MaxPool2d pool) =>
        pool.Window == new Size2d(2, 2) && pool.Stride == pool.Window && pool.Padding == new Size2d(0, 0);

    public override Tensor Forward(Tensor input)
    {
        batchNorm.RequireInput(input);
        var output = _output.Get(pool.CachedOutputShape(input.Shape), input.DType, input.Device);
        var geometry = pool.Geometry(input.Shape, output.Shape);
        if (!batchNorm.UsesRunningStatistics)
        {
            batchNorm.RequireBatch(input);
            var argMax = _argMax.Get(output.Shape, DType.UInt8, input.Device);
            var winners = _winners.Get(output.Shape, input.DType, input.Device);
            input.Device.Backend.BatchNormReLUMaxPoolForward(
                batchNorm.FusedForwardArgs(input, geometry, output, argMax, winners));
            (_lastArgMax, _lastWinners) = (argMax, winners);
        }
        else
        {
            input.Device.Backend.BatchNormFrozenReLUMaxPoolForward(
                batchNorm.FusedFrozenForwardArgs(input, geometry, output));
            (_lastArgMax, _lastWinners) = (null, null);
        }

        _lastInput = input;
        return output;
    }

    public override Tensor? Backward(Tensor gradOutput, bool needsInputGradient)
    {
        if (_lastArgMax is null)
            return BackwardThroughLayers(gradOutput, needsInputGradient);
        var gradInput = needsInputGradient
            ? _gradInput.Get(_lastInput!.Shape, _lastInput.DType, _lastInput.Device)
            : null;
        gradOutput.Device.Backend.BatchNormReLUMaxPoolBackward(batchNorm.FusedBackwardArgs(
            _lastInput!, pool.Geometry(_lastInput!.Shape, gradOutput.Shape), _lastArgMax, _lastWinners!, gradOutput,
            gradInput));
        return gradInput;
    }

    // Evaluation saves nothing for a backward pass, which is rare there: the layers themselves run when one comes.
    private Tensor? BackwardThroughLayers(Tensor gradOutput, bool needsInputGradient)
    {
        // As in that evaluation, whatever the mode has become since.
        var isTraining = batchNorm.IsTraining;
        batchNorm.IsTraining = false;
        try
        {
            pool.Forward(relu.Forward(batchNorm.Forward(_lastInput!)));
            return batchNorm.Backward(relu.Backward(pool.Backward(gradOutput)), needsInputGradient);
        }
        finally
        {
            batchNorm.IsTraining = isTraining;
        }
    }

    public override void Dispose()
    {
        _output.Dispose();
        _argMax.Dispose();
        _winners.Dispose();
        _gradInput.Dispose();
    }
}
