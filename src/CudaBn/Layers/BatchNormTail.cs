using CudaBn.Backends;
using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>A batch normalization and what stands behind it, an addition, a rectifier or both, in one sweep.</summary>
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
        var usesRunningStatistics = batchNorm.UsesRunningStatistics;
        var output = TensorLike(input, _output);
        if (usesRunningStatistics)
            BackendOf(input).BatchNormFrozenAddReLUForward(new BatchNormFrozenAddReLUForwardArgs(
                batchNorm.FrozenForwardArgs(input, output), addend, rectifies));
        else
            BackendOf(input).BatchNormAddReLUForward(new BatchNormAddReLUForwardArgs(
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
        var gradInput = needsInputGradient ? TensorLike(gradOutput, _gradInput) : null;
        gradAddend = gradOutput;
        if (!_rectified)
        {
            BackwardNorm(gradOutput, gradInput);
        }
        else
        {
            RectifiedSum? sum = null;
            if (_added)
            {
                gradAddend = TensorLike(gradOutput, _gradAddend);
                sum = new RectifiedSum(_lastOutput!, gradAddend);
            }

            BackwardRectified(gradOutput, gradInput, sum);
        }

        return gradInput;
    }

    public void Dispose()
    {
        _output.Dispose();
        _gradInput.Dispose();
        _gradAddend.Dispose();
    }

    private static Backend BackendOf(Tensor tensor) => tensor.Device.Backend;

    private static Tensor TensorLike(Tensor tensor, Workspace workspace) =>
        workspace.Get(tensor.Shape, tensor.DType, tensor.Device);

    private void BackwardNorm(Tensor gradient, Tensor? gradInput)
    {
        if (_usedRunningStatistics)
            BackendOf(gradient).BatchNormFrozenBackward(batchNorm.FrozenBackwardArgs(_input!, gradient, gradInput));
        else
            BackendOf(gradient).BatchNormBackward(batchNorm.BackwardArgs(_input!, gradient, gradInput));
    }

    private void BackwardRectified(Tensor gradOutput, Tensor? gradInput, RectifiedSum? sum)
    {
        var (backend, beta) = (BackendOf(gradOutput), batchNorm.Beta?.Value);
        if (_usedRunningStatistics)
            backend.BatchNormFrozenAddReLUBackward(new BatchNormFrozenAddReLUBackwardArgs(
                batchNorm.FrozenBackwardArgs(_input!, gradOutput, gradInput), beta, sum));
        else
            backend.BatchNormAddReLUBackward(new BatchNormAddReLUBackwardArgs(
                batchNorm.BackwardArgs(_input!, gradOutput, gradInput), beta, sum));
    }
}
