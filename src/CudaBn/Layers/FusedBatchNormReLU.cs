namespace CudaBn;

/// <summary>A batch normalization and a rectifier that a <see cref="Sequential"/> runs as one.</summary>
internal sealed class FusedBatchNormReLU(BatchNorm batchNorm) : FusedStep(layerCount: 2)
{
    private readonly BatchNormTail _tail = new(batchNorm);

    public override bool RequiresGradient => batchNorm.RequiresGradient;

    public override bool Takes(Tensor input) => true;

    public override Tensor Forward(Tensor input) => _tail.Forward(input, addend: null, rectifies: true);

    public override Tensor? Backward(Tensor gradOutput, bool needsInputGradient) =>
        _tail.Backward(gradOutput, needsInputGradient, out _);

    public override void Dispose() => _tail.Dispose();
}
