using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace CudaBn.Bench;

/// <summary>Multiply-adds on registers, and copies of 64 MB, on all processors at once; and where there are two, how long they
/// take to pass something to and fro. Of more, it is chance which two a thread meets.</summary>
/// <remarks>Threads and memory stay, so that a measurement may take as little as a millisecond.</remarks>
public sealed class CpuLimits : IDisposable
{
    private const int IterationsPerRound = 10_000;
    private const long CopiedBytes = 64L << 20;
    private const int PieceBytes = 1 << 20;
    private const int PlaceElements = 32;
    private const int There = PlaceElements;
    private const int Back = 2 * PlaceElements;
    private const int HandOversPerRound = 32;
    private static readonly TimeSpan _handOverWindow = TimeSpan.FromMilliseconds(0.3);

    private readonly Barrier _barrier = new(Environment.ProcessorCount);
    private readonly Thread[] _threads;
    private readonly Share _own;
    private readonly double[] _rates = new double[Environment.ProcessorCount];

    // What two threads pass on, each in a place that no cache line and none that processors fetch along with it share.
    private readonly long[] _passed = new long[3 * PlaceElements];
    private Action<int, Share>? _work;

    public CpuLimits()
    {
        _threads = [.. Enumerable.Range(1, _rates.Length - 1).Select(i => new Thread(() => Work(i)) { IsBackground = true })];
        foreach (var thread in _threads)
            thread.Start();
        _own = new Share();
        // The code is compiled, and the memory of all threads at hand.
        Measure(TimeSpan.FromMilliseconds(1));
    }

    /// <summary>Measures each of both rates for a while.</summary>
    public MachineLimits Measure(TimeSpan window) => new(
        Rate(_ => FmaLoop.Run(IterationsPerRound), window), Rate(share => share.Copy(), window), HandOver());

    public void Dispose()
    {
        _work = null;
        _barrier.SignalAndWait();
        foreach (var thread in _threads)
            thread.Join();
        _barrier.Dispose();
    }

    private void OnAllProcessors(Action<int, Share> work)
    {
        _work = work;
        _barrier.SignalAndWait();
        work(0, _own);
        _barrier.SignalAndWait();
    }

    private void Work(int index)
    {
        var share = new Share();
        while (true)
        {
            _barrier.SignalAndWait();
            if (_work is not { } work)
                return;
            work(index, share);
            _barrier.SignalAndWait();
        }
    }

    // The result is in 10^9 per second. Every thread works for the same stretch of time and counts for itself, so that one that
    // is held up for a moment does not spoil the count of the others.
    private double Rate(Func<Share, long> round, TimeSpan window)
    {
        OnAllProcessors((index, share) =>
        {
            var done = 0L;
            var start = Stopwatch.GetTimestamp();
            do
                done += round(share);
            while (Stopwatch.GetElapsedTime(start) < window);
            _rates[index] = done / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
        });
        return _rates.Sum();
    }

    private double? HandOver()
    {
        if (_rates.Length != 2)
            return null;
        double nanoseconds = 0;
        _passed[There] = _passed[Back] = 0;
        OnAllProcessors((index, _) =>
        {
            if (index == 0)
                nanoseconds = PassToAndFro();
            else
                PassBack();
        });
        return nanoseconds;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private double PassToAndFro()
    {
        // Once for the other thread to arrive.
        Pass(1);
        var passed = 1L;
        var start = Stopwatch.GetTimestamp();
        do
        {
            for (var i = 0; i < HandOversPerRound; i++)
                Pass(++passed);
        }
        while (Stopwatch.GetElapsedTime(start) < _handOverWindow);

        var nanoseconds = Stopwatch.GetElapsedTime(start).TotalNanoseconds / (passed - 1);
        Volatile.Write(ref _passed[There], -1);
        return nanoseconds;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Pass(long number)
    {
        Volatile.Write(ref _passed[There], number);
        while (Volatile.Read(ref _passed[Back]) != number)
        {
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PassBack()
    {
        long passed, last = 0;
        while ((passed = Volatile.Read(ref _passed[There])) >= 0)
        {
            if (passed != last)
                Volatile.Write(ref _passed[Back], passed);
            last = passed;
        }
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
