using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    /// <inheritdoc/>
    public override void GatherBatch(in GatherBatchArgs args) => throw new NotSupportedException();
}
