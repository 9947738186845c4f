using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>Turns what native functions answer into exceptions.</summary>
internal static unsafe class CudaCheck
{
    public static void ThrowIfFailed(
        this CudaResult result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != CudaResult.Success)
            throw Failure(result, call);
    }

    public static void ThrowIfFailed(
        this NvrtcResult result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result == NvrtcResult.Success)
            return;
        var name = Text(Nvrtc.nvrtcGetErrorString(result));
        throw new CudaException((int)result, name, FunctionOf(call), "see the CUDA documentation of NVRTC");
    }

    public static void ThrowIfFailed(
        this CublasStatus status, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status != CublasStatus.Success)
            throw new CudaException(
                (int)status, $"CUBLAS_STATUS {status}", FunctionOf(call), "see the CUDA documentation of cuBLAS");
    }

    public static CudaException Failure(CudaResult result, string call)
    {
        byte* name = null, detail = null;
        // Both answer "invalid value" for a number they do not know, and leave the pointer null.
        _ = Driver.cuGetErrorName(result, &name);
        _ = Driver.cuGetErrorString(result, &detail);
        var failure = new CudaException(
            (int)result, name is null ? $"CUDA_ERROR {(int)result}" : Text(name), FunctionOf(call),
            detail is null ? "the driver has no text for it" : Text(detail));
        CudaContext.NoteFailure(failure);
        return failure;
    }

    // "Driver.cuMemAlloc_v2(&pointer, bytes)" -> "cuMemAlloc_v2".
    private static string FunctionOf(string call)
    {
        var end = call.IndexOf('(', StringComparison.Ordinal);
        var expression = end < 0 ? call : call[..end];
        return expression[(expression.LastIndexOf('.') + 1)..];
    }

    private static string Text(byte* utf8) => Marshal.PtrToStringUTF8((nint)utf8) ?? "";
}
