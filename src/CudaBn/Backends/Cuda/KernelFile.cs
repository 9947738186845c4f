namespace CudaBn.Backends.Cuda;

/// <summary>One of the CUDA C sources embedded in this assembly.</summary>
/// <param name="Name">The file in the folder kernels, such as <c>relu.cu</c>.</param>
/// <param name="FusesMultiplyAdd">Whether a * b + c may be rounded once. Off where the result must be, bit for bit, that of
/// another device.</param>
internal sealed record KernelFile(string Name, bool FusesMultiplyAdd = true);
