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
    private NormalizedBatches? _batches;

    /// <summary>Computes bn(input) + addend, rectified where that is asked for.</summary>
    public Tensor Forward(Tensor input, Tensor? addend, bool rectifies)
    {
        batchNorm.RequireInput(input);
        var output = TensorLike(input, _output);
        var batches = batchNorm.BatchesOf(input);
        if (batches is null)
            BackendOf(input).BatchNormFrozenAddReLUForward(new BatchNormFrozenAddReLUForwardArgs(
                batchNorm.FrozenForwardArgs(input, output), addend, rectifies));
        for (var i = 0; i < batches?.CountIn(input.Shape); i++)
        {
            BackendOf(input).BatchNormAddReLUForward(new BatchNormAddReLUForwardArgs(
                batchNorm.ForwardArgs(batches, i, input, output), batches.Part(addend, i), rectifies));
            batchNorm.AddToPopulation(batches, i, input);
        }

        (_input, _lastOutput, _batches) = (input, output, batches);
        (_added, _rectified) = (addend is not null, rectifies);
        return output;
    }

    /// <summary>Computes the gradients for the last forward pass.</summary>
    /// <param name="gradOutput">The gradient by the output.</param>
    /// <param name="needsInputGradient">Whether the gradient by the input is needed.</param>
    /// <param name="gradAddend">The gradient by the addend.</param>
    public Tensor? Backward(Tensor gradOutput, bool needsInputGradient, out Tensor gradAddend)
    {
        var gradInput = needsInputGradient ? TensorLike(gradOutput, _gradInput) : null;
        gradAddend = _rectified && _added ? TensorLike(gradOutput, _gradAddend) : gradOutput;
        if (_rectified)
            BackwardRectified(gradOutput, gradInput, _added ? gradAddend : null);
        else
            batchNorm.Backward(_batches, _input!, gradOutput, gradInput);
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

    private void BackwardRectified(Tensor gradOutput, Tensor? gradInput, Tensor? gradAddend)
    {
        var (backend, beta) = (BackendOf(gradOutput), batchNorm.Beta?.Value);
        if (_batches is null)
        {
            backend.BatchNormFrozenAddReLUBackward(new BatchNormFrozenAddReLUBackwardArgs(
                batchNorm.FrozenBackwardArgs(_input!, gradOutput, gradInput), beta, Sum(_lastOutput!, gradAddend)));
            return;
        }

        for (var i = 0; i < _batches.CountIn(_input!.Shape); i++)
        {
            backend.BatchNormAddReLUBackward(new BatchNormAddReLUBackwardArgs(
                batchNorm.BackwardArgs(_batches, i, _input, gradOutput, gradInput), beta,
                Sum(_batches.Part(_lastOutput!, i), _batches.Part(gradAddend, i))));
        }

        batchNorm.SumGradients(_batches, _input);

        static RectifiedSum? Sum(Tensor output, Tensor? gradAddend) =>
            gradAddend is null ? null : new RectifiedSum(output, gradAddend);
    }
}
