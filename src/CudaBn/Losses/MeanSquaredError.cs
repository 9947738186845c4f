using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Squared differences between a prediction and a target of the same shape.</summary>
/// <param name="reduction">Mean over all elements, or sum.</param>
public sealed class MeanSquaredError(Reduction reduction = Reduction.Mean) : IDisposable
{
    private readonly Workspace _gradPrediction = new();
    private readonly Workspace _loss = new();
    private Tensor? _lastPrediction;
    private Tensor? _lastTarget;

    /// <summary>Mean over all elements, or sum.</summary>
    public Reduction Reduction { get; } = Enum.IsDefined(reduction)
        ? reduction
        : throw new ArgumentException($"MeanSquaredError: {reduction} is no reduction.", nameof(reduction));

    /// <summary>Computes the loss.</summary>
    /// <param name="prediction">Any shape, Float32 or Float64; it must stay unchanged until backward has run.</param>
    /// <param name="target">Of the same shape, element type and device; it must stay unchanged likewise.</param>
    /// <returns>[1]: a tensor this object owns and overwrites on its next call.</returns>
    /// <exception cref="ArgumentException">A shape, element type or device does not fit.</exception>
    public Tensor Forward(Tensor prediction, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(target);
        if (!prediction.DType.IsReal())
            throw new ArgumentException(
                $"MeanSquaredError takes a Float32 or Float64 prediction, not a {prediction}.", nameof(prediction));
        if (target.Shape != prediction.Shape || target.DType != prediction.DType || target.Device != prediction.Device)
            throw new ArgumentException(
                $"MeanSquaredError takes a target like its prediction, a {prediction}, not a {target}.", nameof(target));
        var device = prediction.Device;
        var loss = _loss.Get(ScalarShape, prediction.DType, device);
        device.Backend.MeanSquaredErrorForward(
            new MeanSquaredErrorForwardArgs(prediction, target, Scale(prediction), loss));
        (_lastPrediction, _lastTarget) = (prediction, target);
        return loss;
    }

    /// <summary>Computes the gradient of the last loss by its prediction.</summary>
    /// <returns>Of the prediction's shape: a tensor this object owns and overwrites on its next call.</returns>
    /// <exception cref="InvalidOperationException">There was no forward pass.</exception>
    public Tensor Backward()
    {
        if (_lastPrediction is null || _lastTarget is null)
            throw new InvalidOperationException("MeanSquaredError: backward needs a forward pass first.");
        var p = _lastPrediction;
        var gradPrediction = _gradPrediction.Get(p.Shape, p.DType, p.Device);
        p.Device.Backend.MeanSquaredErrorBackward(
            new MeanSquaredErrorBackwardArgs(p, _lastTarget, Scale(p), gradPrediction));
        return gradPrediction;
    }

    /// <summary>Releases the buffers.</summary>
    public void Dispose()
    {
        _gradPrediction.Dispose();
        _loss.Dispose();
    }

    private static Shape ScalarShape { get; } = [1];

    private double Scale(Tensor prediction) => Reduction == Reduction.Mean ? 1.0 / prediction.ElementCount : 1;
}
