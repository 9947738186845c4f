using System.Diagnostics;

namespace CudaBn.Cli;

/// <summary>The most that the processor can do, measured. Only memory that a cache holds can be faster.</summary>
/// <param name="GigaFlops">Multiply-adds on registers, all threads together, in 10^9 operations per second.</param>
/// <param name="GigaBytes">Copying memory that no cache holds, read and written bytes together, in 10^9 per
/// second.</param>
internal readonly record struct MachineLimits(double GigaFlops, double GigaBytes)
{
    private const int IterationsPerRound = 100_000;
    private const long CopiedBytes = 128L << 20;
    private static readonly TimeSpan _window = TimeSpan.FromMilliseconds(120);

    /// <summary>The better of two measurements: on a shared machine both are too low, never too high.</summary>
    public MachineLimits Best(MachineLimits other) =>
        new(Math.Max(GigaFlops, other.GigaFlops), Math.Max(GigaBytes, other.GigaBytes));

    /// <summary>Measures for about half a second.</summary>
    public static MachineLimits Measure(int threads) => new(MeasureFma(threads), MeasureCopy(threads));

    private static double MeasureFma(int threads) => OnAllThreads(threads, () =>
    {
        FmaLoop.Run(IterationsPerRound);
        return () => FmaLoop.Run(IterationsPerRound);
    });

    private static double MeasureCopy(int threads) => OnAllThreads(threads, () =>
    {
        var source = new byte[CopiedBytes / threads];
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
    private static double OnAllThreads(int threads, Func<Func<long>> prepare)
    {
        var rates = new double[threads];
        using var start = new Barrier(threads);
        var workers = Enumerable.Range(0, threads).Select(index => new Thread(() =>
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
