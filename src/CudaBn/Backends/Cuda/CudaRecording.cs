namespace CudaBn.Backends.Cuda;

/// <summary>Operators as a CUDA graph, and the memory that they use.</summary>
internal sealed class CudaRecording(CudaBackend backend) : Recording
{
    private readonly HashSet<TensorStorage> _memory = [];

    /// <summary>The graph, once the recording is over.</summary>
    public CudaGraphExec? Instance { get; set; }

    public override bool IsCurrent
    {
        get
        {
            foreach (var memory in _memory)
            {
                if (memory.IsClosed)
                    return false;
            }

            return true;
        }
    }

    /// <summary>Notes that an operator reads or writes a tensor.</summary>
    public void Uses(Tensor tensor) => _memory.Add(tensor.Storage);

    public override void Replay()
    {
        ObjectDisposedException.ThrowIf(Instance is null || !IsCurrent, this);
        backend.Replay(Instance);
    }

    public override void Dispose() => Instance?.Dispose();
}
