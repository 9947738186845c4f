namespace CudaBn.Backends.Cuda.Native;

/// <summary>Properties of a device that are asked for (CUdevice_attribute).</summary>
internal enum DeviceAttribute
{
    MultiprocessorCount = 16,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
}
