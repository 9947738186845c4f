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
    private NormalizedBatches? _batches;

    public override bool RequiresGradient => batchNorm.RequiresGradient;

    /// <summary>Whether the three layers make up what the fused operator does to images of this shape.</summary>
    public override bool Takes(Tensor input) =>
        !batchNorm.ChannelsLast
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
        var batches = batchNorm.BatchesOf(input);
        if (batches is null)
        {
            input.Device.Backend.BatchNormFrozenReLUMaxPoolForward(
                batchNorm.FusedFrozenForwardArgs(input, pool.Geometry(input.Shape, output.Shape), output));
        }
        else
        {
            _lastArgMax = _argMax.Get(output.Shape, DType.UInt8, input.Device);
            _lastWinners = _winners.Get(output.Shape, input.DType, input.Device);
            for (var i = 0; i < batches.CountIn(input.Shape); i++)
            {
                input.Device.Backend.BatchNormReLUMaxPoolForward(
                    batchNorm.FusedForwardArgs(batches, i, input, pool, output, _lastArgMax, _lastWinners));
                batchNorm.AddToPopulation(batches, i, input);
            }
        }

        (_lastInput, _batches) = (input, batches);
        return output;
    }

    public override Tensor? Backward(Tensor gradOutput, bool needsInputGradient)
    {
        if (_batches is null)
            return BackwardThroughLayers(gradOutput, needsInputGradient);
        var input = _lastInput!;
        var gradInput = needsInputGradient ? _gradInput.Get(input.Shape, input.DType, input.Device) : null;
        for (var i = 0; i < _batches.CountIn(input.Shape); i++)
        {
            input.Device.Backend.BatchNormReLUMaxPoolBackward(batchNorm.FusedBackwardArgs(
                _batches, i, input, pool, _lastArgMax!, _lastWinners!, gradOutput, gradInput));
        }

        batchNorm.SumGradients(_batches, input);
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
