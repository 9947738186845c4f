namespace CudaBn.Backends.Cuda.Native;

/// <summary>Properties of a kernel that are asked for or set (CUfunction_attribute).</summary>
internal enum FunctionAttribute
{
    MaxThreadsPerBlock = 0,
    SharedSizeBytes = 1,
    MaxDynamicSharedSizeBytes = 8,
}
