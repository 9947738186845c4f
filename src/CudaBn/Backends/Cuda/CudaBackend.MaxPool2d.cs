using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    /// <inheritdoc/>
    public override void MaxPool2dForward(in MaxPool2dForwardArgs args) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void MaxPool2dBackward(in MaxPool2dBackwardArgs args) => throw new NotSupportedException();
}
