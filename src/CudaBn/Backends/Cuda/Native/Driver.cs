using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cuda.Native;

/// <summary>The functions of the CUDA driver API that are used, under the names that the library exports: those
/// with _v2 are what cuda.h makes of the name without it.</summary>
internal static unsafe partial class Driver
{
    public const uint NonBlockingStream = 1;
    public const uint DisableTimingEvent = 2;

    /// <summary>CU_MEMHOSTALLOC_PORTABLE: pinned for every context of the process.</summary>
    public const uint PortableHostMemory = 1;

    /// <summary>CU_STREAM_CAPTURE_MODE_RELAXED: calls of other threads do not disturb a capture.</summary>
    public const int RelaxedCapture = 2;

    private const string Library = NativeLibraries.Driver;

    [LibraryImport(Library)]
    public static partial CudaResult cuInit(uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuDriverGetVersion(int* version);

    [LibraryImport(Library)]
    public static partial CudaResult cuGetErrorName(CudaResult error, byte** name);

    [LibraryImport(Library)]
    public static partial CudaResult cuGetErrorString(CudaResult error, byte** text);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetCount(int* count);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGet(int* device, int ordinal);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetName(byte* name, int length, int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceTotalMem_v2(nuint* bytes, int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetAttribute(int* value, DeviceAttribute attribute, int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDevicePrimaryCtxRetain(ContextHandle* context, int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuDevicePrimaryCtxRelease_v2(int device);

    [LibraryImport(Library)]
    public static partial CudaResult cuCtxGetDevice(int* device);

    [LibraryImport(Library)]
    public static partial CudaResult cuCtxPushCurrent_v2(ContextHandle context);

    [LibraryImport(Library)]
    public static partial CudaResult cuCtxPopCurrent_v2(ContextHandle* context);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemGetInfo_v2(nuint* free, nuint* total);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemAlloc_v2(DevicePointer* pointer, nuint bytes);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemFree_v2(DevicePointer pointer);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemHostAlloc(void** pointer, nuint bytes, uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemFreeHost(void* pointer);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyHtoDAsync_v2(
        DevicePointer destination, void* source, nuint bytes, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyDtoHAsync_v2(
        void* destination, DevicePointer source, nuint bytes, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyDtoDAsync_v2(
        DevicePointer destination, DevicePointer source, nuint bytes, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuMemsetD8Async(
        DevicePointer destination, byte value, nuint bytes, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuModuleLoadData(CudaModuleHandle* module, void* image);

    [LibraryImport(Library)]
    public static partial CudaResult cuModuleUnload(CudaModuleHandle module);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial CudaResult cuModuleGetFunction(FunctionHandle* function, CudaModuleHandle module, string name);

    [LibraryImport(Library)]
    public static partial CudaResult cuFuncGetAttribute(
        int* value, FunctionAttribute attribute, FunctionHandle function);

    [LibraryImport(Library)]
    public static partial CudaResult cuFuncSetAttribute(
        FunctionHandle function, FunctionAttribute attribute, int value);

    /// <summary>Of CUDA 12.4 and later.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuFuncGetParamInfo(
        FunctionHandle function, nuint index, nuint* offset, nuint* size);

    [LibraryImport(Library)]
    public static partial CudaResult cuLaunchKernel(
        FunctionHandle function,
        uint gridX,
        uint gridY,
        uint gridZ,
        uint blockX,
        uint blockY,
        uint blockZ,
        uint sharedBytes,
        StreamHandle stream,
        void** arguments,
        void** extra);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamCreate(StreamHandle* stream, uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamDestroy_v2(StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamSynchronize(StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamWaitEvent(StreamHandle stream, EventHandle happening, uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamBeginCapture_v2(StreamHandle stream, int mode);

    [LibraryImport(Library)]
    public static partial CudaResult cuStreamEndCapture(StreamHandle stream, GraphHandle* graph);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventCreate(EventHandle* happening, uint flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventDestroy_v2(EventHandle happening);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventRecord(EventHandle happening, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventSynchronize(EventHandle happening);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventQuery(EventHandle happening);

    [LibraryImport(Library)]
    public static partial CudaResult cuEventElapsedTime(float* milliseconds, EventHandle start, EventHandle end);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphInstantiateWithFlags(
        GraphExecHandle* instance, GraphHandle graph, ulong flags);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphLaunch(GraphExecHandle instance, StreamHandle stream);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphDestroy(GraphHandle graph);

    [LibraryImport(Library)]
    public static partial CudaResult cuGraphExecDestroy(GraphExecHandle instance);
}
