using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    /// <inheritdoc/>
    public override void BatchNormForward(in BatchNormForwardArgs args) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void BatchNormBackward(in BatchNormBackwardArgs args) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void BatchNormFrozenForward(in BatchNormFrozenForwardArgs args) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void BatchNormFrozenBackward(in BatchNormFrozenBackwardArgs args) => throw new NotSupportedException();
}
