using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    /// <inheritdoc/>
    public override void Conv2dForward(in Conv2dForwardArgs args) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Conv2dBackward(in Conv2dBackwardArgs args) => throw new NotSupportedException();
}
