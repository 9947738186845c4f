using System.Diagnostics;

namespace CudaBn.Bench;

/// <summary>Times an operation on the CPU and the limits in turn, some milliseconds each.</summary>
/// <remarks>A virtual processor may be one of two threads of a core, the other of which is someone else's: then it computes
/// at half the rate for as long as the other one works, and no counter of the system tells; or two of them, which shared a
/// cache a moment ago, may be in different ones. What an operation and the limits do at nearly the same moment slows down
/// together.</remarks>
public static class PairedTimer
{
    private const int LeastPairs = 3;
    private static readonly TimeSpan _limitWindow = TimeSpan.FromMilliseconds(1.5);
    private static readonly TimeSpan _operationWindow = TimeSpan.FromMilliseconds(4);

    /// <summary>An operation that takes longer than this sees more of the machine's moods than the limits beside it.</summary>
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(1);

    /// <summary>Measures an operation that ends when it returns.</summary>
    /// <returns>The medians; null of an operation that takes longer than a second.</returns>
    public static PairedTimes? Measure(Action operation, TimeSpan total)
    {
        ArgumentNullException.ThrowIfNull(operation);
        if (Seconds(operation, TimeSpan.Zero) > _longest.TotalSeconds)
            return null;
        using var processor = new CpuLimits();
        var seconds = new List<double>();
        var limits = new List<MachineLimits> { processor.Measure(_limitWindow) };
        var start = Stopwatch.GetTimestamp();
        while (seconds.Count < LeastPairs || Stopwatch.GetElapsedTime(start) < total)
        {
            // Once for the caches, which the copies have emptied.
            var once = Seconds(operation, TimeSpan.Zero);
            seconds.Add(once > _operationWindow.TotalSeconds ? once : Seconds(operation, _operationWindow));
            limits.Add(processor.Measure(_limitWindow));
        }

        var between = limits.Zip(limits[1..], Mean).ToArray();
        return new(
            1e9 * Median(seconds.Zip(between, (time, limit) => time * limit.GigaFlops)),
            1e9 * Median(seconds.Zip(between, (time, limit) => time * limit.GigaBytes)),
            new(
                Median(limits.Select(limit => limit.GigaFlops)), Median(limits.Select(limit => limit.GigaBytes)),
                MedianOrNull(limits.Select(limit => limit.HandOverNanoseconds))));
    }

    /// <summary>How long an operation takes, repeated for a while.</summary>
    private static double Seconds(Action operation, TimeSpan window)
    {
        var count = 0;
        var start = Stopwatch.GetTimestamp();
        do
        {
            operation();
            count++;
        }
        while (Stopwatch.GetElapsedTime(start) < window);

        return Stopwatch.GetElapsedTime(start).TotalSeconds / count;
    }

    private static double? MedianOrNull(IEnumerable<double?> values) =>
        values.OfType<double>().ToArray() is { Length: > 0 } some ? Median(some) : null;

    private static MachineLimits Mean(MachineLimits a, MachineLimits b) =>
        new((a.GigaFlops + b.GigaFlops) / 2, (a.GigaBytes + b.GigaBytes) / 2);

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
