namespace CudaBn.Backends.Cuda.Native;

/// <summary>The functions that the libraries must have, so that one too old is found out before it is used.</summary>
internal static class NeededFunctions
{
    /// <summary>Those of the driver. <see cref="Native.Driver.cuFuncGetParamInfo"/>, of CUDA 12.4, is done without.</summary>
    public static IReadOnlyList<string> Driver { get; } =
    [
        nameof(Native.Driver.cuInit),
        nameof(Native.Driver.cuDriverGetVersion),
        nameof(Native.Driver.cuGetErrorName),
        nameof(Native.Driver.cuGetErrorString),
        nameof(Native.Driver.cuDeviceGetCount),
        nameof(Native.Driver.cuDeviceGet),
        nameof(Native.Driver.cuDeviceGetName),
        nameof(Native.Driver.cuDeviceTotalMem_v2),
        nameof(Native.Driver.cuDeviceGetAttribute),
        nameof(Native.Driver.cuDevicePrimaryCtxRetain),
        nameof(Native.Driver.cuDevicePrimaryCtxRelease_v2),
        nameof(Native.Driver.cuCtxGetDevice),
        nameof(Native.Driver.cuCtxPushCurrent_v2),
        nameof(Native.Driver.cuCtxPopCurrent_v2),
        nameof(Native.Driver.cuMemGetInfo_v2),
        nameof(Native.Driver.cuMemAlloc_v2),
        nameof(Native.Driver.cuMemFree_v2),
        nameof(Native.Driver.cuMemHostAlloc),
        nameof(Native.Driver.cuMemFreeHost),
        nameof(Native.Driver.cuMemcpyHtoDAsync_v2),
        nameof(Native.Driver.cuMemcpyDtoHAsync_v2),
        nameof(Native.Driver.cuMemcpyDtoDAsync_v2),
        nameof(Native.Driver.cuMemsetD8Async),
        nameof(Native.Driver.cuModuleLoadData),
        nameof(Native.Driver.cuModuleUnload),
        nameof(Native.Driver.cuModuleGetFunction),
        nameof(Native.Driver.cuFuncGetAttribute),
        nameof(Native.Driver.cuFuncSetAttribute),
        nameof(Native.Driver.cuLaunchKernel),
        nameof(Native.Driver.cuStreamCreate),
        nameof(Native.Driver.cuStreamDestroy_v2),
        nameof(Native.Driver.cuStreamSynchronize),
        nameof(Native.Driver.cuStreamWaitEvent),
        nameof(Native.Driver.cuStreamBeginCapture_v2),
        nameof(Native.Driver.cuStreamEndCapture),
        nameof(Native.Driver.cuEventCreate),
        nameof(Native.Driver.cuEventDestroy_v2),
        nameof(Native.Driver.cuEventRecord),
        nameof(Native.Driver.cuEventSynchronize),
        nameof(Native.Driver.cuEventQuery),
        nameof(Native.Driver.cuEventElapsedTime),
        nameof(Native.Driver.cuGraphInstantiateWithFlags),
        nameof(Native.Driver.cuGraphLaunch),
        nameof(Native.Driver.cuGraphDestroy),
        nameof(Native.Driver.cuGraphExecDestroy),
    ];

    /// <summary>Those of NVRTC.</summary>
    public static IReadOnlyList<string> Nvrtc { get; } =
    [
        nameof(Native.Nvrtc.nvrtcVersion),
        nameof(Native.Nvrtc.nvrtcGetErrorString),
        nameof(Native.Nvrtc.nvrtcGetNumSupportedArchs),
        nameof(Native.Nvrtc.nvrtcGetSupportedArchs),
        nameof(Native.Nvrtc.nvrtcCreateProgram),
        nameof(Native.Nvrtc.nvrtcDestroyProgram),
        nameof(Native.Nvrtc.nvrtcCompileProgram),
        nameof(Native.Nvrtc.nvrtcGetProgramLogSize),
        nameof(Native.Nvrtc.nvrtcGetProgramLog),
        nameof(Native.Nvrtc.nvrtcGetCUBINSize),
        nameof(Native.Nvrtc.nvrtcGetCUBIN),
        nameof(Native.Nvrtc.nvrtcGetPTXSize),
        nameof(Native.Nvrtc.nvrtcGetPTX),
    ];

    /// <summary>Those of cuBLAS.</summary>
    public static IReadOnlyList<string> Cublas { get; } =
    [
        nameof(Native.Cublas.cublasCreate_v2),
        nameof(Native.Cublas.cublasDestroy_v2),
        nameof(Native.Cublas.cublasGetVersion_v2),
        nameof(Native.Cublas.cublasSetStream_v2),
        nameof(Native.Cublas.cublasSetWorkspace_v2),
        nameof(Native.Cublas.cublasSgemm_v2),
        nameof(Native.Cublas.cublasDgemm_v2),
    ];
}
