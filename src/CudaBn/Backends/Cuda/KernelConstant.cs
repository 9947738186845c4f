namespace CudaBn.Backends.Cuda;

/// <summary>A number that a kernel is compiled with: <c>-DName=Value</c>.</summary>
internal readonly record struct KernelConstant(string Name, int Value);
