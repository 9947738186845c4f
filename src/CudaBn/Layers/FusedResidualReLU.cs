namespace CudaBn;

/// <summary>A residual block and the rectifier behind it that a <see cref="Sequential"/> runs as one: a batch normalization at
/// the end of the block, its addition and the rectifier are one sweep.</summary>
internal sealed class FusedResidualReLU(Residual residual) : FusedStep(layerCount: 2)
{
    public override bool RequiresGradient => residual.RequiresGradient;

    public override bool Takes(Tensor input) => residual.FusesLayers;

    public override Tensor Forward(Tensor input) => residual.Forward(input, rectifies: true);

    public override Tensor? Backward(Tensor gradOutput, bool needsInputGradient) =>
        residual.BackwardOfLast(gradOutput, needsInputGradient);

    // The block has all memory that this needs.
    public override void Dispose()
    {
    }
}
