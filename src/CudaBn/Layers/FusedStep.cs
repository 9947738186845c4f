namespace CudaBn;

/// <summary>Neighbours of a <see cref="Sequential"/> that run as one. The layers themselves keep nothing of it but what they
/// learn.</summary>
internal abstract class FusedStep(int layerCount) : IStep, IDisposable
{
    public int LayerCount => layerCount;

    /// <summary>What the first of these layers may run as, together with those behind it; the best first.</summary>
    public static FusedStep[] At(ReadOnlySpan<Layer> layers) => layers switch
    {
        [BatchNorm batchNorm, ReLU relu, MaxPool2d pool, ..] when FusedBatchNormReLUMaxPool.Takes(pool) =>
            [new FusedBatchNormReLUMaxPool(batchNorm, relu, pool), new FusedBatchNormReLU(batchNorm)],
        [BatchNorm batchNorm, ReLU, ..] => [new FusedBatchNormReLU(batchNorm)],
        [Residual residual, ReLU, ..] => [new FusedResidualReLU(residual)],
        [Layer affine and IAffineLayer, ReLU, ..] => [new FusedAffineReLU(affine)],
        _ => [],
    };

    public abstract bool RequiresGradient { get; }

    public abstract bool Takes(Tensor input);

    public abstract Tensor Forward(Tensor input);

    public abstract Tensor? Backward(Tensor gradOutput, bool needsInputGradient);

    public abstract void Dispose();
}
