using System.Diagnostics;
using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>A square product of strict float32, by cuBLAS where it is there, and copies of more than any cache holds. Both
/// grow until they take a while: a small product does not fill a large GPU, and a large one takes hours on a software
/// device.</summary>
public static class GpuLimits
{
    private const int SmallestProduct = 256;
    private const int LargestProduct = 4096;
    private const int SmallestCopy = 1 << 22;
    private const int LargestCopy = 1 << 27;
    private static readonly TimeSpan _while = TimeSpan.FromMilliseconds(1);

    public static MachineLimits Measure(CudaBackend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        return new(MeasureProduct(backend), MeasureCopy(backend));
    }

    private static double MeasureProduct(CudaBackend backend)
    {
        for (var size = SmallestProduct; ; size *= 2)
        {
            using var input = Random(backend, size * size);
            using var weight = Random(backend, size * size);
            using var output = Random(backend, size * size);
            void Multiply() => backend.LinearForward(
                new LinearForwardArgs(new LinearGeometry(size, size, size), input, weight, Bias: null, output));
            if (size == LargestProduct || TimeOf(backend, Multiply) >= _while)
                return 2.0 * size * size * size / new DeviceTimer(backend).Hot(Multiply);
        }
    }

    private static double MeasureCopy(CudaBackend backend)
    {
        for (var elements = SmallestCopy; ; elements *= 2)
        {
            using var source = Random(backend, elements);
            using var destination = Random(backend, elements);
            void Copy() => backend.Copy(source, destination);
            if (elements == LargestCopy || TimeOf(backend, Copy) >= _while)
                return 2.0 * sizeof(float) * elements / new DeviceTimer(backend).Hot(Copy);
        }
    }

    private static TimeSpan TimeOf(CudaBackend backend, Action operation)
    {
        operation();
        backend.Synchronize();
        var start = Stopwatch.GetTimestamp();
        operation();
        backend.Synchronize();
        return Stopwatch.GetElapsedTime(start);
    }

    private static Tensor Random(CudaBackend backend, int elements)
    {
        var tensor = new Tensor([elements], DType.Float32, backend.Device);
        backend.FillNormal(new RandomFillArgs(tensor, Seed: 1, Stream: 0, First: 0, Second: 1));
        return tensor;
    }
}
