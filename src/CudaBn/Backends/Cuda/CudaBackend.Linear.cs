using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    /// <inheritdoc/>
    public override void LinearForward(in LinearForwardArgs args) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void LinearBackward(in LinearBackwardArgs args) => throw new NotSupportedException();
}
