namespace CudaBn.Backends.Cpu;

/// <summary>Consecutive places of an axis.</summary>
/// <param name="Start">The first.</param>
/// <param name="End">Behind the last.</param>
internal readonly record struct IndexRange(int Start, int End);
