using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>What a stream captured.</summary>
internal sealed class CudaGraph : CudaHandle
{
    /// <summary>Takes over a graph.</summary>
    public CudaGraph(CudaContext context, GraphHandle graph)
        : base(context) => SetHandle(graph.Value);

    public GraphHandle Handle => new(Value);

    private protected override CudaResult Destroy(nint value) => Driver.cuGraphDestroy(new GraphHandle(value));
}
