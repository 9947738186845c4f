namespace CudaBn.Backends.Cuda;

/// <summary>A call into the CUDA driver, NVRTC or cuBLAS failed.</summary>
public sealed class CudaException : Exception
{
    /// <summary>Describes a failed call.</summary>
    /// <param name="result">The number that the library answered.</param>
    /// <param name="name">Its name, such as <c>CUDA_ERROR_ILLEGAL_ADDRESS</c>.</param>
    /// <param name="call">The function that answered it.</param>
    /// <param name="detail">What the library says about it.</param>
    public CudaException(int result, string name, string call, string detail)
        : base($"{call} failed with {name} ({result}): {detail}.")
    {
        Result = result;
        ResultName = name;
        Call = call;
    }

    /// <summary>Refuses a call to a device that was lost before.</summary>
    internal CudaException(string device, CudaException cause)
        : base($"{device} was lost: {cause.Message} Dispose its backend; another process can use the GPU.", cause)
    {
        Result = cause.Result;
        ResultName = cause.ResultName;
        Call = cause.Call;
    }

    /// <summary>The number that the library answered: a CUresult, nvrtcResult or cublasStatus_t.</summary>
    public int Result { get; }

    /// <summary>Its name, such as <c>CUDA_ERROR_ILLEGAL_ADDRESS</c>.</summary>
    public string ResultName { get; }

    /// <summary>The function that answered it.</summary>
    public string Call { get; }
}
