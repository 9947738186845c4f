namespace CudaBn.Backends.Cuda;

/// <summary>A GPU that the driver lists.</summary>
/// <param name="Index">Its number, from 0.</param>
/// <param name="Name">As the driver calls it.</param>
/// <param name="Capability">Its compute capability.</param>
/// <param name="MemoryBytes">All of its memory.</param>
internal sealed record CudaDeviceInfo(int Index, string Name, Version Capability, long MemoryBytes);
