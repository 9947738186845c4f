namespace CudaBn.Backends.Cpu;

/// <summary>Work that is cut into chunks, any of which may run on any worker at any time.</summary>
internal interface IChunkJob
{
    /// <summary>Does one chunk.</summary>
    /// <param name="chunk">Which chunk.</param>
    /// <param name="worker">Which worker runs it: what selects scratch memory, never results.</param>
    void Run(int chunk, int worker);
}
