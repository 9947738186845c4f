using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends;

/// <summary>The operators of one device. Layers validate what they are given and call these; a backend trusts its
/// arguments and derives no sizes again.</summary>
/// <remarks>Operators may be queued: only a copy to the host and <see cref="Synchronize"/> wait. Sources come before
/// constants before destinations; a destination never overlaps a source unless it says so.</remarks>
public abstract class Backend : IDisposable
{
    /// <summary>The device this backend drives.</summary>
    public abstract Device Device { get; }

    /// <summary>Reserves memory whose contents are not set.</summary>
    /// <param name="byteLength">The size in bytes, above 0.</param>
    /// <returns>The memory.</returns>
    /// <exception cref="OutOfMemoryException">The device has no such room.</exception>
    public abstract TensorStorage Allocate(long byteLength);

    /// <summary>Copies host memory into a tensor.</summary>
    /// <param name="source">The address of as many bytes as the tensor has.</param>
    /// <param name="destination">A tensor of this device.</param>
    public abstract void CopyFromHost(nint source, Tensor destination);

    /// <summary>Copies a tensor into host memory, after everything queued before.</summary>
    /// <param name="source">A tensor of this device.</param>
    /// <param name="destination">The address of room for as many bytes as the tensor has.</param>
    public abstract void CopyToHost(Tensor source, nint destination);

    /// <summary>Copies one tensor of this device into another with as many bytes.</summary>
    /// <param name="source">The tensor read.</param>
    /// <param name="destination">The tensor written.</param>
    public abstract void Copy(Tensor source, Tensor destination);

    /// <summary>Sets all elements to zero.</summary>
    /// <param name="destination">Any tensor of this device.</param>
    public abstract void Clear(Tensor destination);

    /// <summary>Waits for everything queued.</summary>
    public abstract void Synchronize();

    /// <summary>Whether this device records operators.</summary>
    internal virtual bool CanRecord => false;

    /// <summary>Records operators instead of running them.</summary>
    /// <param name="work">Calls operators of this backend; it neither waits nor copies from or to the host.</param>
    /// <returns>The recording, which has not run yet.</returns>
    /// <exception cref="NotSupportedException">The device records nothing.</exception>
    internal virtual Recording Record(Action work) =>
        throw new NotSupportedException($"{Device} records nothing.");

    /// <summary>Sets all elements to one value.</summary>
    /// <param name="destination">A Float32 or Float64 tensor.</param>
    /// <param name="value">The value.</param>
    public abstract void Fill(Tensor destination, double value);

    /// <summary>Fills a tensor with uniform numbers in [first, second).</summary>
    /// <param name="args">What to fill, and from which stream.</param>
    public abstract void FillUniform(in RandomFillArgs args);

    /// <summary>Fills a tensor with normal numbers.</summary>
    /// <param name="args">What to fill, and from which stream.</param>
    public abstract void FillNormal(in RandomFillArgs args);

    /// <summary>Makes a batch out of a data set of bytes.</summary>
    /// <param name="args">The data set and the batch.</param>
    public abstract void GatherBatch(in GatherBatchArgs args);

    /// <summary>Convolution of signals, images or volumes.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void ConvForward(in ConvForwardArgs args);

    /// <summary>The gradients of convolution.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void ConvBackward(in ConvBackwardArgs args);

    /// <summary>Batch normalization with the statistics of the batch.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void BatchNormForward(in BatchNormForwardArgs args);

    /// <summary>The gradients of batch normalization with the statistics of the batch.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void BatchNormBackward(in BatchNormBackwardArgs args);

    /// <summary>Batch normalization with given statistics.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void BatchNormFrozenForward(in BatchNormFrozenForwardArgs args);

    /// <summary>The gradients of batch normalization with given statistics.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void BatchNormFrozenBackward(in BatchNormFrozenBackwardArgs args);

    /// <summary>Rectifier.</summary>
    /// <param name="args">Tensors.</param>
    public abstract void ReLUForward(in ReLUForwardArgs args);

    /// <summary>The gradient of the rectifier.</summary>
    /// <param name="args">Tensors.</param>
    public abstract void ReLUBackward(in ReLUBackwardArgs args);

    /// <summary>A function of every element.</summary>
    /// <param name="args">Which function, and tensors.</param>
    public abstract void ActivationForward(in ActivationForwardArgs args);

    /// <summary>The gradient of a function of every element.</summary>
    /// <param name="args">Which function, and tensors.</param>
    public abstract void ActivationBackward(in ActivationBackwardArgs args);

    /// <summary>Dropout with the mask of the next step.</summary>
    /// <param name="args">The mask, whose step is added to, and tensors.</param>
    public abstract void DropoutForward(in DropoutForwardArgs args);

    /// <summary>The gradient of dropout, with the mask of the last step.</summary>
    /// <param name="args">The mask and tensors.</param>
    public abstract void DropoutBackward(in DropoutBackwardArgs args);

    /// <summary>Addition, element by element.</summary>
    /// <param name="args">Tensors.</param>
    public abstract void Add(in AddArgs args);

    /// <summary>Max-pooling.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void MaxPoolForward(in MaxPoolForwardArgs args);

    /// <summary>The gradient of max-pooling.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void MaxPoolBackward(in MaxPoolBackwardArgs args);

    /// <summary>Average pooling.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void AvgPoolForward(in AvgPoolForwardArgs args);

    /// <summary>The gradient of average pooling.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void AvgPoolBackward(in AvgPoolBackwardArgs args);

    /// <summary>Average pooling to a given output size.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void AdaptiveAvgPoolForward(in AdaptiveAvgPoolForwardArgs args);

    /// <summary>The gradient of average pooling to a given output size.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void AdaptiveAvgPoolBackward(in AdaptiveAvgPoolBackwardArgs args);

    /// <summary>The mean of every channel of every sample.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void GlobalAvgPoolForward(in GlobalAvgPoolForwardArgs args);

    /// <summary>The gradient of the mean of every channel of every sample.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void GlobalAvgPoolBackward(in GlobalAvgPoolBackwardArgs args);

    /// <summary>Batch normalization with the statistics of the batch, addition and rectifier in one.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void BatchNormAddReLUForward(in BatchNormAddReLUForwardArgs args);

    /// <summary>The gradients of batch normalization, addition and rectifier in one.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void BatchNormAddReLUBackward(in BatchNormAddReLUBackwardArgs args);

    /// <summary>Batch normalization with given statistics, addition and rectifier in one.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void BatchNormFrozenAddReLUForward(in BatchNormFrozenAddReLUForwardArgs args);

    /// <summary>The gradients of batch normalization with given statistics, addition and rectifier in one.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void BatchNormFrozenAddReLUBackward(in BatchNormFrozenAddReLUBackwardArgs args);

    /// <summary>Batch normalization with the statistics of the batch, rectifier and 2 x 2 max-pooling in one.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void BatchNormReLUMaxPoolForward(in BatchNormReLUMaxPoolForwardArgs args);

    /// <summary>The gradients of batch normalization, rectifier and 2 x 2 max-pooling in one.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void BatchNormReLUMaxPoolBackward(in BatchNormReLUMaxPoolBackwardArgs args);

    /// <summary>Batch normalization with given statistics, rectifier and 2 x 2 max-pooling in one.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void BatchNormFrozenReLUMaxPoolForward(in BatchNormFrozenReLUMaxPoolForwardArgs args);

    /// <summary>Dense layer.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void LinearForward(in LinearForwardArgs args);

    /// <summary>The gradients of the dense layer.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void LinearBackward(in LinearBackwardArgs args);

    /// <summary>The sums of the columns of a matrix: the gradient of a dense layer's bias, and that of a parameter whose
    /// batch was taken in parts.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void SumRows(in SumRowsArgs args);

    /// <summary>Softmax and cross-entropy.</summary>
    /// <param name="args">Sizes and tensors.</param>
    /// <exception cref="ArgumentException">A label is outside [0, classes): the message names its row. A backend
    /// that queues may raise it at the next wait; until then the batch counts in neither loss nor totals, and the row's
    /// gradient is 0.</exception>
    public abstract void SoftmaxCrossEntropyForward(in SoftmaxCrossEntropyForwardArgs args);

    /// <summary>The gradient of softmax and cross-entropy.</summary>
    /// <param name="args">Sizes and tensors.</param>
    public abstract void SoftmaxCrossEntropyBackward(in SoftmaxCrossEntropyBackwardArgs args);

    /// <summary>The sum of squared differences.</summary>
    /// <param name="args">Tensors.</param>
    public abstract void MeanSquaredErrorForward(in MeanSquaredErrorForwardArgs args);

    /// <summary>The gradient of the sum of squared differences.</summary>
    /// <param name="args">Tensors.</param>
    public abstract void MeanSquaredErrorBackward(in MeanSquaredErrorBackwardArgs args);

    /// <summary>The norm of the gradients of many parameters, and what keeps it within bounds.</summary>
    /// <param name="args">The parameters, the bound and tensors.</param>
    public abstract void GradientNorm(in GradientNormArgs args);

    /// <summary>The first element of each of many tensors that is NaN or infinite.</summary>
    /// <param name="args">Tensors.</param>
    public abstract void FirstNonFinite(in FirstNonFiniteArgs args);

    /// <summary>One step of stochastic gradient descent on many parameters.</summary>
    /// <param name="args">The parameters and the constants.</param>
    public abstract void SgdStep(in SgdArgs args);

    /// <summary>One step of Adam on many parameters.</summary>
    /// <param name="args">The parameters and the constants.</param>
    public abstract void AdamStep(in AdamArgs args);

    /// <summary>Releases what the backend holds; tensors of it must not be used afterwards.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the backend holds.</summary>
    /// <param name="disposing">Whether called from <see cref="Dispose()"/>.</param>
    protected abstract void Dispose(bool disposing);
}
