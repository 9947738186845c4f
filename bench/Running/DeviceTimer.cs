using System.Diagnostics;
using System.Globalization;
using CudaBn.Backends.Cuda;

namespace CudaBn.Bench;

/// <summary>Times launches on a GPU by events around replays of a recording that holds many of them: an event before and
/// one after a single launch would time the gaps between them.</summary>
public sealed class DeviceTimer(CudaBackend backend)
{
    private const int MostLaunches = 100;
    private const int LeastLaunches = 5;
    private const int Replays = 7;

    // Twice the largest second-level cache there is.
    private const int FlushedBytes = 128 << 20;
    private static readonly TimeSpan _timePerReplay = TimeSpan.FromMilliseconds(20);

    public DeviceTimes Measure(Action operation)
    {
        var launches = LaunchesPerReplay(operation);
        var hot = Median(operation, launches);
        var clock = ClockMegahertz();
        using var flushed = new Tensor([FlushedBytes], DType.UInt8, backend.Device);
        void Flush() => backend.Clear(flushed);
        var both = Median(
            () =>
            {
                Flush();
                operation();
            },
            launches);
        return new DeviceTimes(hot, both - Median(Flush, launches), clock);
    }

    /// <summary>The median time of an operation in nanoseconds, launches one after the other.</summary>
    public double Hot(Action operation) => Median(operation, LaunchesPerReplay(operation));

    private int LaunchesPerReplay(Action operation)
    {
        operation();
        backend.Synchronize();
        var start = Stopwatch.GetTimestamp();
        operation();
        backend.Synchronize();
        return (int)Math.Clamp(_timePerReplay / Stopwatch.GetElapsedTime(start), LeastLaunches, MostLaunches);
    }

    private double Median(Action operation, int launches)
    {
        using var recording = backend.Record(() =>
        {
            for (var i = 0; i < launches; i++)
                operation();
        });
        using CudaEvent before = new(backend), after = new(backend);
        recording.Replay();
        var times = new double[Replays];
        for (var i = 0; i < Replays; i++)
        {
            backend.Stream.Record(before);
            recording.Replay();
            backend.Stream.Record(after);
            after.Synchronize();
            times[i] = after.ElapsedSince(before).TotalNanoseconds / launches;
        }

        Array.Sort(times);
        return times[Replays / 2];
    }

    private double? ClockMegahertz() => NvidiaSmi.Query("clocks.sm", backend.Device.Index) is { } text
        ? double.Parse(text, CultureInfo.InvariantCulture)
        : null;
}
