namespace CudaBn.Backends.Cuda;

/// <summary>The memory of a GPU that a backend holds, in bytes and numbers of blocks.</summary>
/// <param name="BytesInUse">What tensors and the backend itself use, block sizes being rounded up.</param>
/// <param name="BytesCached">What is kept for the tensors to come; <see cref="CudaBackend.Trim"/> gives it back.</param>
/// <param name="PeakBytesInUse">The most that was in use at one time.</param>
/// <param name="LiveTensors">Tensors that own memory and were not disposed: what grows from step to step leaks.</param>
/// <param name="Allocations">Blocks ever asked for.</param>
/// <param name="DriverAllocations">Blocks for which the driver had to be asked; the others were cached.</param>
public readonly record struct CudaMemoryStatistics(
    long BytesInUse,
    long BytesCached,
    long PeakBytesInUse,
    long LiveTensors,
    long Allocations,
    long DriverAllocations);
