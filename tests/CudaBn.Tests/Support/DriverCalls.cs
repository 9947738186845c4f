using CudaBn.Backends.Cuda;
using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Tests.Support;

/// <summary>CUDA as other code of the process uses it: raw handles and calls of the driver, without the library's
/// classes.</summary>
internal static unsafe class DriverCalls
{
    /// <summary>The free memory of the current context's device.</summary>
    public static long FreeBytes()
    {
        nuint free, total;
        Driver.cuMemGetInfo_v2(&free, &total).ThrowIfFailed();
        return (long)free;
    }

    /// <summary>Runs code with a context current.</summary>
    public static void In(nint context, Action action)
    {
        Driver.cuCtxPushCurrent_v2(new ContextHandle(context)).ThrowIfFailed();
        try
        {
            action();
        }
        finally
        {
            ContextHandle popped;
            Driver.cuCtxPopCurrent_v2(&popped).ThrowIfFailed();
        }
    }

    public static nint RetainPrimaryContext(int ordinal)
    {
        ContextHandle context;
        Driver.cuDevicePrimaryCtxRetain(&context, ordinal).ThrowIfFailed();
        return context.Value;
    }

    public static void ReleasePrimaryContext(int ordinal) =>
        Driver.cuDevicePrimaryCtxRelease_v2(ordinal).ThrowIfFailed();

    public static nint CreateStream()
    {
        StreamHandle stream;
        Driver.cuStreamCreate(&stream, Driver.NonBlockingStream).ThrowIfFailed();
        return stream.Value;
    }

    public static void Destroy(nint stream) => Driver.cuStreamDestroy_v2(new StreamHandle(stream)).ThrowIfFailed();

    public static void Synchronize(nint stream) => Driver.cuStreamSynchronize(new StreamHandle(stream)).ThrowIfFailed();

    public static nint Allocate(long bytes)
    {
        DevicePointer pointer;
        Driver.cuMemAlloc_v2(&pointer, (nuint)bytes).ThrowIfFailed();
        return pointer.Value;
    }

    public static void Free(nint address) => Driver.cuMemFree_v2(new DevicePointer(address)).ThrowIfFailed();

    /// <summary>Queues a memset.</summary>
    public static void Set(nint address, byte value, long bytes, nint stream) =>
        Driver.cuMemsetD8Async(new DevicePointer(address), value, (nuint)bytes, new StreamHandle(stream)).ThrowIfFailed();

    /// <summary>Copies to the host, and waits.</summary>
    public static float[] Read(nint address, int count, nint stream)
    {
        var values = new float[count];
        fixed (float* place = values)
        {
            Driver.cuMemcpyDtoHAsync_v2(
                place, new DevicePointer(address), (nuint)count * sizeof(float), new StreamHandle(stream))
                .ThrowIfFailed();
            Driver.cuStreamSynchronize(new StreamHandle(stream)).ThrowIfFailed();
        }

        return values;
    }
}
