using System.Diagnostics;

namespace CudaBn.Bench;

/// <summary>Multiply-adds on registers, and copies of 128 MB, on all processors at once.</summary>
public static class CpuLimits
{
    private const int IterationsPerRound = 100_000;
    private const long CopiedBytes = 128L << 20;
    private static readonly TimeSpan _window = TimeSpan.FromMilliseconds(120);

    public static MachineLimits Measure() => new(MeasureFma(), MeasureCopy());

    private static double MeasureFma() => OnAllProcessors(() =>
    {
        FmaLoop.Run(IterationsPerRound);
        return () => FmaLoop.Run(IterationsPerRound);
    });

    private static double MeasureCopy() => OnAllProcessors(() =>
    {
        var source = new byte[CopiedBytes / Environment.ProcessorCount];
        var destination = new byte[source.Length];
        Array.Fill(source, (byte)1);
        source.CopyTo(destination, 0);
        return () =>
        {
            source.CopyTo(destination, 0);
            return 2L * source.Length;
        };
    });

    // Every thread works for the same stretch of time and counts for itself, so that one that is held up for a moment
    // does not spoil the count of the others. The result is in 10^9 per second.
    private static double OnAllProcessors(Func<Func<long>> prepare)
    {
        var rates = new double[Environment.ProcessorCount];
        using var start = new Barrier(rates.Length);
        var workers = Enumerable.Range(0, rates.Length).Select(index => new Thread(() =>
        {
            var work = prepare();
            start.SignalAndWait();
            var done = 0L;
            var clock = Stopwatch.StartNew();
            do
                done += work();
            while (clock.Elapsed < _window);
            rates[index] = done / clock.Elapsed.TotalSeconds / 1e9;
        })).ToArray();
        foreach (var worker in workers)
            worker.Start();
        foreach (var worker in workers)
            worker.Join();
        return rates.Sum();
    }
}
