using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>A graph that is ready to be queued.</summary>
internal sealed unsafe class CudaGraphExec : CudaHandle
{
    /// <summary>Makes a graph ready. The context must be bound.</summary>
    public CudaGraphExec(CudaGraph graph)
        : base(graph.Context)
    {
        GraphExecHandle instance;
        Driver.cuGraphInstantiateWithFlags(&instance, graph.Handle, 0).ThrowIfFailed();
        SetHandle(instance.Value);
    }

    public GraphExecHandle Handle => new(Value);

    private protected override CudaResult Destroy(nint value) => Driver.cuGraphExecDestroy(new GraphExecHandle(value));
}
