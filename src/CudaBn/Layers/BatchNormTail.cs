using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>A batch normalization and what stands behind it, an addition, a rectifier or both, as one operator.</summary>
internal sealed class BatchNormTail(BatchNorm batchNorm) : IDisposable
{
    private readonly Workspace _output = new();
    private readonly Workspace _gradInput = new();
    private readonly Workspace _gradAddend = new();
    private Tensor? _input;
    private Tensor? _lastOutput;
    private bool _added;
    private bool _rectified;
    private bool _usedRunningStatistics;

    /// <summary>Computes bn(input) + addend, rectified where that is asked for.</summary>
    public Tensor Forward(Tensor input, Tensor? addend, bool rectifies)
    {
        batchNorm.RequireInput(input);
        var output = _output.Get(input.Shape, input.DType, input.Device);
        var backend = input.Device.Backend;
        var usesRunningStatistics = batchNorm.UsesRunningStatistics;
        if (usesRunningStatistics)
            backend.BatchNormFrozenAddReLUForward(new BatchNormFrozenAddReLUForwardArgs(
                batchNorm.FrozenForwardArgs(input, output), addend, rectifies));
        else
            backend.BatchNormAddReLUForward(new BatchNormAddReLUForwardArgs(
                batchNorm.ForwardArgs(input, output), addend, rectifies));
        (_input, _lastOutput) = (input, output);
        (_added, _rectified, _usedRunningStatistics) = (addend is not null, rectifies, usesRunningStatistics);
        return output;
    }

    /// <summary>Computes the gradients for the last forward pass.</summary>
    /// <param name="gradOutput">The gradient by the output.</param>
    /// <param name="needsInputGradient">Whether the gradient by the input is needed.</param>
    /// <param name="gradAddend">The gradient by the addend.</param>
    public Tensor? Backward(Tensor gradOutput, bool needsInputGradient, out Tensor gradAddend)
    {
        var gradInput = needsInputGradient
            ? _gradInput.Get(gradOutput.Shape, gradOutput.DType, gradOutput.Device)
            : null;
        RectifiedSum? sum = _added && _rectified
            ? new RectifiedSum(
                _lastOutput!, _gradAddend.Get(gradOutput.Shape, gradOutput.DType, gradOutput.Device))
            : null;
        gradAddend = sum?.GradAddend ?? gradOutput;
        if (_usedRunningStatistics)
            Backward(batchNorm.FrozenBackwardArgs(_input!, gradOutput, gradInput), sum);
        else
            Backward(batchNorm.BackwardArgs(_input!, gradOutput, gradInput), sum);
        return gradInput;
    }

    public void Dispose()
    {
        _output.Dispose();
        _gradInput.Dispose();
        _gradAddend.Dispose();
    }

    private void Backward(in BatchNormBackwardArgs args, RectifiedSum? sum)
    {
        var backend = args.Input.Device.Backend;
        if (_rectified)
            backend.BatchNormAddReLUBackward(new BatchNormAddReLUBackwardArgs(args, batchNorm.Beta?.Value, sum));
        else
            backend.BatchNormBackward(args);
    }

    private void Backward(in BatchNormFrozenBackwardArgs args, RectifiedSum? sum)
    {
        var backend = args.Input.Device.Backend;
        if (_rectified)
            backend.BatchNormFrozenAddReLUBackward(
                new BatchNormFrozenAddReLUBackwardArgs(args, batchNorm.Beta?.Value, sum));
        else
            backend.BatchNormFrozenBackward(args);
    }
}
