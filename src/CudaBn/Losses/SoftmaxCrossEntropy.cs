using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Softmax followed by cross-entropy against class labels: -log(softmax(logits)[label]), by log-sum-exp with
/// the maximum subtracted, so that no logit overflows.</summary>
/// <remarks>With label smoothing e the loss of a row is (1 - e) * its cross-entropy + e * the mean of
/// -log(softmax(logits)) over all classes, as in PyTorch; Szegedy et al., "Rethinking the Inception Architecture for
/// Computer Vision", 2016.</remarks>
/// <param name="reduction">Mean over the batch, or sum.</param>
/// <param name="labelSmoothing">The share of the target that is spread over all classes, in [0, 1).</param>
public sealed class SoftmaxCrossEntropy(Reduction reduction = Reduction.Mean, double labelSmoothing = 0) : IDisposable
{
    private readonly Workspace _probabilities = new();
    private readonly Workspace _gradLogits = new();
    private readonly Workspace _loss = new();
    private readonly Workspace _totalsMemory = new();
    private Tensor? _totals;
    private Tensor? _lastProbabilities;
    private Tensor? _lastLabels;

    /// <summary>Mean over the batch, or sum.</summary>
    public Reduction Reduction { get; } = Enum.IsDefined(reduction)
        ? reduction
        : throw new ArgumentException($"SoftmaxCrossEntropy: {reduction} is no reduction.", nameof(reduction));

    /// <summary>The share of the target that is spread over all classes.</summary>
    public double LabelSmoothing { get; } = labelSmoothing is >= 0 and < 1
        ? labelSmoothing
        : throw new ArgumentException(
            $"SoftmaxCrossEntropy: label smoothing {labelSmoothing} is outside [0, 1).", nameof(labelSmoothing));

    /// <summary>Computes the loss, and adds to the totals.</summary>
    /// <param name="logits">[N, C], Float32 or Float64.</param>
    /// <param name="labels">Int32 [N], each in [0, C); it must stay unchanged until backward has run.</param>
    /// <returns>[1]: a tensor this object owns and overwrites on its next call.</returns>
    /// <exception cref="ArgumentException">A shape, element type or device does not fit, or a label is outside
    /// [0, C): the message names its row. A device that queues says the latter when it is waited for next; until then the
    /// batch counts in no loss, and the row in no gradient.</exception>
    public Tensor Forward(Tensor logits, Tensor labels)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(labels);
        if (logits.Shape.Rank != 2 || !logits.DType.IsReal())
            throw new ArgumentException(
                $"SoftmaxCrossEntropy takes Float32 or Float64 logits [N, C], not a {logits}.", nameof(logits));
        var batch = logits.Shape[0];
        if (labels.Shape.Rank != 1 || labels.Shape[0] != batch || labels.DType != DType.Int32
            || labels.Device != logits.Device)
            throw new ArgumentException(
                $"SoftmaxCrossEntropy takes an Int32 tensor [{batch}] on {logits.Device} as labels of {logits.Shape} "
                + $"logits, not a {labels}.", nameof(labels));

        var device = logits.Device;
        var totals = TotalsOn(device);
        var loss = _loss.Get(ScalarShape, logits.DType, device);
        var probabilities = _probabilities.Get(logits.Shape, logits.DType, device);
        // A label that is refused leaves no forward pass behind that backward could take for a good one.
        ForgetForward();
        device.Backend.SoftmaxCrossEntropyForward(new SoftmaxCrossEntropyForwardArgs(
            batch, logits.Shape[1], logits, labels, Scale(batch), LabelSmoothing, probabilities, loss, totals));
        (_lastProbabilities, _lastLabels) = (probabilities, labels);
        return loss;
    }

    /// <summary>Computes the gradient of the last loss by its logits.</summary>
    /// <returns>[N, C]: a tensor this object owns and overwrites on its next call.</returns>
    /// <exception cref="InvalidOperationException">There was no forward pass, or the last one failed.</exception>
    public Tensor Backward()
    {
        if (_lastProbabilities is null || _lastLabels is null)
            throw new InvalidOperationException("SoftmaxCrossEntropy: backward needs a forward pass first.");
        var p = _lastProbabilities;
        var gradLogits = _gradLogits.Get(p.Shape, p.DType, p.Device);
        p.Device.Backend.SoftmaxCrossEntropyBackward(new SoftmaxCrossEntropyBackwardArgs(
            p.Shape[0], p.Shape[1], p, _lastLabels, Scale(p.Shape[0]), LabelSmoothing, gradLogits));
        return gradLogits;
    }

    internal void ForgetForward() => (_lastProbabilities, _lastLabels) = (null, null);

    /// <summary>Sets the totals to zero, as at the start of an epoch.</summary>
    public void ResetTotals()
    {
        if (_totals is not null)
            _totals.Device.Backend.Clear(_totals);
    }

    /// <summary>Reads the totals, which are kept on the device, after waiting for it.</summary>
    /// <returns>What was added since <see cref="ResetTotals"/>.</returns>
    public LossTotals ReadTotals()
    {
        if (_totals is null)
            return default;
        Span<double> totals = stackalloc double[2];
        _totals.CopyTo(totals);
        return new LossTotals(totals[0], (long)totals[1]);
    }

    /// <summary>Sets the totals to what they once were.</summary>
    internal void WriteTotals(LossTotals totals) => _totals?.CopyFrom<double>([totals.Loss, totals.Correct]);

    /// <summary>Releases the buffers.</summary>
    public void Dispose()
    {
        _probabilities.Dispose();
        _gradLogits.Dispose();
        _loss.Dispose();
        _totalsMemory.Dispose();
    }

    private static Shape ScalarShape { get; } = [1];

    private static Shape TotalsShape { get; } = [2];

    private double Scale(int batch) => Reduction == Reduction.Mean ? 1.0 / batch : 1;

    /// <summary>Float64 [2] on a device: the sum of the losses, and the rows classified rightly, since the totals were
    /// reset.</summary>
    internal Tensor TotalsOn(Device device)
    {
        if (_totals?.Device != device)
        {
            _totals = _totalsMemory.Get(TotalsShape, DType.Float64, device);
            device.Backend.Clear(_totals);
        }

        return _totals;
    }
}
