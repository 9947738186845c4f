using System.Diagnostics;

namespace CudaBn;

/// <summary>
/// Looks out for a loss that is NaN or infinite without waiting for the device. The kernel of the loss counts losses and notes
/// the number of the first that is not finite, and from then on optimizers leave everything as it is: when the host looks at
/// last, parameters are those that made that loss.
/// </summary>
/// <remarks>What that takes: the one thread that writes the loss reads and writes 16 bytes more per step, and a block of an
/// optimizer, which moves 12 KB or more, reads 8 bytes that are in the cache by then. Looking takes a copy of 16 bytes, after
/// everything queued: every step where nothing is queued, else once a second and at the end of an epoch.</remarks>
internal sealed class LossWatch(Device device) : IDisposable
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(1);

    private long _lastLook = Stopwatch.GetTimestamp();

    /// <summary>Int64 [2]: how many losses were computed, and the number of the first that is not finite, or 0.</summary>
    public Tensor Tensor { get; } = Tensor.Zeros([2], DType.Int64, device);

    /// <summary>Whether looking costs nothing worth mentioning by now.</summary>
    public bool IsDue => device.Kind == DeviceKind.Cpu || Stopwatch.GetElapsedTime(_lastLook) > _interval;

    /// <summary>Waits for the device.</summary>
    /// <returns>How many losses ago one was not finite, the first of all; null where all were finite.</returns>
    public long? Look()
    {
        Span<long> watch = stackalloc long[2];
        Tensor.CopyTo(watch);
        _lastLook = Stopwatch.GetTimestamp();
        return watch[1] == 0 ? null : watch[0] - watch[1];
    }

    /// <summary>Forgets all, so that optimizers go on.</summary>
    public void Reset() => device.Backend.Clear(Tensor);

    public void Dispose() => Tensor.Dispose();
}
