namespace CudaBn.Bench;

/// <summary>The most that a device can do, measured. Only memory that a cache holds can be faster.</summary>
/// <param name="GigaFlops">Of multiply-adds, in 10^9 operations per second.</param>
/// <param name="GigaBytes">Of copying memory that no cache holds, read and written bytes together, in 10^9 per
/// second.</param>
/// <param name="HandOverNanoseconds">What one of two processors takes to hand a cache line over to the other and get it back;
/// null where there are not two, and on a GPU.</param>
public sealed record MachineLimits(double GigaFlops, double GigaBytes, double? HandOverNanoseconds = null)
{
    private static readonly TimeSpan _window = TimeSpan.FromMilliseconds(120);

    /// <summary>The better of two measurements: on a shared machine both are too slow, never too fast.</summary>
    public MachineLimits Best(MachineLimits? other) => other is null
        ? this
        : new MachineLimits(
            Math.Max(GigaFlops, other.GigaFlops), Math.Max(GigaBytes, other.GigaBytes),
            HandOverNanoseconds).WithHandOver(other);

    /// <summary>The same with the shorter time of handing over.</summary>
    public MachineLimits WithHandOver(MachineLimits other) =>
        HandOverNanoseconds is { } mine && !(other.HandOverNanoseconds < mine)
            ? this
            : this with { HandOverNanoseconds = other.HandOverNanoseconds };

    /// <summary>Measures a device for about half a second.</summary>
    public static MachineLimits Of(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (device.Backend is Backends.Cuda.CudaBackend cuda)
            return GpuLimits.Measure(cuda);
        using var processor = new CpuLimits();
        return processor.Measure(_window);
    }
}
