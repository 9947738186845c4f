using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>A square product of strict float32 by cuBLAS, where it is there, and copies of half a gigabyte.</summary>
public static class GpuLimits
{
    private const int ProductSize = 4096;
    private const int CopiedElements = 1 << 27;

    public static MachineLimits Measure(CudaBackend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        return new(MeasureProduct(backend), MeasureCopy(backend));
    }

    private static double MeasureProduct(CudaBackend backend)
    {
        var (input, weight, output) = (Random(backend), Random(backend), Random(backend));
        using (input)
        using (weight)
        using (output)
        {
            var geometry = new LinearGeometry(ProductSize, ProductSize, ProductSize);
            var nanoseconds = new DeviceTimer(backend).Hot(() => backend.LinearForward(
                new LinearForwardArgs(geometry, input, weight, Bias: null, output)));
            return 2.0 * ProductSize * ProductSize * ProductSize / nanoseconds;
        }
    }

    private static double MeasureCopy(CudaBackend backend)
    {
        using var source = new Tensor([CopiedElements], DType.Float32, backend.Device);
        using var destination = new Tensor([CopiedElements], DType.Float32, backend.Device);
        backend.FillNormal(new RandomFillArgs(source, Seed: 1, Stream: 0, First: 0, Second: 1));
        return 2.0 * sizeof(float) * CopiedElements / new DeviceTimer(backend).Hot(() => backend.Copy(source, destination));
    }

    private static Tensor Random(CudaBackend backend)
    {
        var tensor = new Tensor([ProductSize, ProductSize], DType.Float32, backend.Device);
        backend.FillNormal(new RandomFillArgs(tensor, Seed: 1, Stream: 0, First: 0, Second: 1));
        return tensor;
    }
}
