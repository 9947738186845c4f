using System.Diagnostics;

namespace CudaBn.Bench;

/// <summary>Multiply-adds on registers, and copies of 64 MB, on all processors at once.</summary>
/// <remarks>Threads and memory stay, so that a measurement may take as little as a millisecond.</remarks>
public sealed class CpuLimits : IDisposable
{
    private const int IterationsPerRound = 10_000;
    private const long CopiedBytes = 64L << 20;
    private const int PieceBytes = 1 << 20;

    private readonly Barrier _barrier = new(Environment.ProcessorCount);
    private readonly Thread[] _threads;
    private readonly Share _own;
    private readonly double[] _rates = new double[Environment.ProcessorCount];
    private Func<Share, long>? _round;
    private TimeSpan _window;

    public CpuLimits()
    {
        _threads = [.. Enumerable.Range(1, _rates.Length - 1).Select(i => new Thread(() => Work(i)) { IsBackground = true })];
        foreach (var thread in _threads)
            thread.Start();
        _own = new Share();
        // The code is compiled, and the memory of all threads at hand.
        Measure(TimeSpan.FromMilliseconds(1));
    }

    /// <summary>Measures each of both for a while.</summary>
    public MachineLimits Measure(TimeSpan window) => new(
        OnAllProcessors(_ => FmaLoop.Run(IterationsPerRound), window), OnAllProcessors(share => share.Copy(), window));

    public void Dispose()
    {
        _round = null;
        _barrier.SignalAndWait();
        foreach (var thread in _threads)
            thread.Join();
        _barrier.Dispose();
    }

    // The result is in 10^9 per second.
    private double OnAllProcessors(Func<Share, long> round, TimeSpan window)
    {
        (_round, _window) = (round, window);
        _barrier.SignalAndWait();
        Run(0, _own, round);
        _barrier.SignalAndWait();
        return _rates.Sum();
    }

    private void Work(int index)
    {
        var share = new Share();
        while (true)
        {
            _barrier.SignalAndWait();
            if (_round is not { } round)
                return;
            Run(index, share, round);
            _barrier.SignalAndWait();
        }
    }

    // Every thread works for the same stretch of time and counts for itself, so that one that is held up for a moment
    // does not spoil the count of the others.
    private void Run(int index, Share share, Func<Share, long> round)
    {
        var done = 0L;
        var start = Stopwatch.GetTimestamp();
        do
            done += round(share);
        while (Stopwatch.GetElapsedTime(start) < _window);
        _rates[index] = done / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
    }

    /// <summary>What one thread copies, piece by piece, round and round.</summary>
    private sealed class Share
    {
        private readonly byte[] _source = new byte[CopiedBytes / Environment.ProcessorCount / PieceBytes * PieceBytes + PieceBytes];
        private readonly byte[] _destination;
        private int _start;

        public Share()
        {
            Array.Fill(_source, (byte)1);
            _destination = [.. _source];
        }

        /// <returns>Bytes read and written.</returns>
        public long Copy()
        {
            _source.AsSpan(_start, PieceBytes).CopyTo(_destination.AsSpan(_start));
            _start = _start + PieceBytes == _source.Length ? 0 : _start + PieceBytes;
            return 2L * PieceBytes;
        }
    }
}
