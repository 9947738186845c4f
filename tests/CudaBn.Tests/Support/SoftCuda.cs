using CudaBn.Backends.Cuda;
using NUnit.Framework;

namespace CudaBn.Tests.Support;

/// <summary>The CUDA backend on the software CUDA device.</summary>
public static class SoftCuda
{
    public static Device Open()
    {
        if (Environment.GetEnvironmentVariable("CUDABN_CUDA_PATH") is null)
            Assert.Ignore("CUDABN_CUDA_PATH names no CUDA.");
        return new CudaBackend().Device;
    }
}
