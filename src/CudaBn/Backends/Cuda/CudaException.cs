namespace CudaBn.Backends.Cuda;

/// <summary>A call into the CUDA driver, NVRTC or cuBLAS failed.</summary>
/// <param name="result">The number that the library answered.</param>
/// <param name="name">Its name, such as <c>CUDA_ERROR_ILLEGAL_ADDRESS</c>.</param>
/// <param name="call">The function that answered it.</param>
/// <param name="detail">What the library says about it.</param>
public sealed class CudaException(int result, string name, string call, string detail)
    : Exception($"{call} failed with {name} ({result}): {detail}.")
{
    /// <summary>The number that the library answered: a CUresult, nvrtcResult or cublasStatus_t.</summary>
    public int Result { get; } = result;

    /// <summary>Its name, such as <c>CUDA_ERROR_ILLEGAL_ADDRESS</c>.</summary>
    public string ResultName { get; } = name;

    /// <summary>The function that answered it.</summary>
    public string Call { get; } = call;
}
