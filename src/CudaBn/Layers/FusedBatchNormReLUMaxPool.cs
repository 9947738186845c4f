using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>A batch normalization, a rectifier and a 2 x 2 max-pooling that a <see cref="Sequential"/> runs as
/// one.</summary>
internal sealed class FusedBatchNormReLUMaxPool(BatchNorm batchNorm, ReLU relu, MaxPool2d pool) : IDisposable
{
    private readonly Workspace _output = new();
    private readonly Workspace _argMax = new();
    private readonly Workspace _gradInput = new();
    private readonly List<(Shape Input, Shape Output)> _shapes = [];
    private Tensor? _lastInput;
    private Tensor? _lastArgMax;

    /// <summary>Whether the three layers make up what the fused operator does to images of this shape.</summary>
    public bool Takes(Tensor input) =>
        !(batchNorm.IsTraining && batchNorm.FreezeStatistics)
        && input.Shape.Rank == 4
        && input.Shape[2] % 2 == 0
        && input.Shape[3] % 2 == 0;

    /// <summary>Whether the pooling is the one that the fused operator does.</summary>
    public static bool Takes(MaxPool2d pool) =>
        pool.Window == new Size2d(2, 2) && pool.Stride == pool.Window && pool.Padding == new Size2d(0, 0);

    public Tensor Forward(Tensor input)
    {
        batchNorm.RequireInput(input);
        var geometry = PoolGeometry(input.Shape);
        var output = _output.Get(OutputShape(input.Shape), input.DType, input.Device);
        if (batchNorm.IsTraining)
        {
            batchNorm.RequireBatch(input);
            var argMax = _argMax.Get(output.Shape, DType.UInt8, input.Device);
            input.Device.Backend.BatchNormReLUMaxPoolForward(
                batchNorm.FusedForwardArgs(input, geometry, output, argMax));
            _lastArgMax = argMax;
        }
        else
        {
            input.Device.Backend.BatchNormFrozenReLUMaxPoolForward(
                batchNorm.FusedFrozenForwardArgs(input, geometry, output));
            _lastArgMax = null;
        }

        _lastInput = input;
        return output;
    }

    public Tensor? Backward(Tensor gradOutput, bool needsInputGradient)
    {
        if (_lastArgMax is null)
            return BackwardThroughLayers(gradOutput, needsInputGradient);
        var gradInput = needsInputGradient
            ? _gradInput.Get(_lastInput!.Shape, _lastInput.DType, _lastInput.Device)
            : null;
        gradOutput.Device.Backend.BatchNormReLUMaxPoolBackward(batchNorm.FusedBackwardArgs(
            _lastInput!, PoolGeometry(_lastInput!.Shape), _lastArgMax, gradOutput, gradInput));
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

    public void Dispose()
    {
        _output.Dispose();
        _argMax.Dispose();
        _gradInput.Dispose();
    }

    private Shape OutputShape(Shape input)
    {
        foreach (var (known, output) in _shapes)
        {
            if (known == input)
                return output;
        }

        Shape added = [input[0], input[1], input[2] / 2, input[3] / 2];
        _shapes.Add((input, added));
        return added;
    }

    private static MaxPool2dGeometry PoolGeometry(Shape input) => new(
        Planes: (long)input[0] * input[1],
        InHeight: input[2],
        InWidth: input[3],
        OutHeight: input[2] / 2,
        OutWidth: input[3] / 2,
        WindowHeight: 2,
        WindowWidth: 2,
        StrideY: 2,
        StrideX: 2,
        PaddingY: 0,
        PaddingX: 0);
}
