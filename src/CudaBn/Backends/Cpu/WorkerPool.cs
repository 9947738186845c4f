using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace CudaBn.Backends.Cpu;

/// <summary>Threads that stay alive between operators and share out the chunks of a job.</summary>
/// <remarks>Chunks are cut by the size of the work alone, and partial results are merged in chunk order, so results are
/// the same bit for bit whatever the number of threads. Starting a job allocates nothing. A worker spins for some
/// microseconds after a job, in which the next one usually arrives, and then sleeps.</remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    // Each as short as there is: a worker that looks for a job every microsecond comes late to those of ten.
    private const int SpinsBeforeSleep = 4000;

    // _state: the number of workers inside the job, one bit for "chunks may still be taken", and above it the number of
    // the job, which tells a worker whether it has seen it.
    private const long Open = 1L << 16;
    private const long InsideMask = Open - 1;
    private const long NextJob = 1L << 17;

    private readonly object _sleepGate = new();
    private readonly Thread[] _threads;
    private long _state;
    private int _sleepers;
    private int _nextChunk;
    private int _chunks;
    private void* _job;
    private delegate*<void*, int, int, void> _run;
    private ExceptionDispatchInfo? _failure;
    private volatile bool _stopping;

    public WorkerPool(int workers)
    {
        Workers = workers;
        _threads = new Thread[workers - 1];
        for (var i = 0; i < _threads.Length; i++)
        {
            var worker = i + 1;
            _threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"CudaBn worker {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>The number of workers, the calling thread included.</summary>
    public int Workers { get; }

    /// <summary>Runs all chunks of a job and returns when they are done. Not to be called from two threads at once, nor
    /// from a chunk.</summary>
    public void Run<TJob>(ref TJob job, int chunks)
        where TJob : struct, IChunkJob
    {
        if (chunks <= 1 || Workers == 1)
        {
            for (var chunk = 0; chunk < chunks; chunk++)
                job.Run(chunk, worker: 0);
            return;
        }

        // A job is a local of the caller: it stays where it is until this method returns.
        _job = Unsafe.AsPointer(ref job);
        _run = &RunChunk<TJob>;
        _chunks = chunks;
        _nextChunk = 0;
        Interlocked.Exchange(ref _state, ((_state & ~(NextJob - 1)) + NextJob) | Open);
        if (Volatile.Read(ref _sleepers) > 0)
        {
            lock (_sleepGate)
                Monitor.PulseAll(_sleepGate);
        }

        TakeChunks(worker: 0);
        Interlocked.And(ref _state, ~Open);
        var spin = default(SpinWait);
        while ((Volatile.Read(ref _state) & InsideMask) != 0)
            spin.SpinOnce(sleep1Threshold: -1);

        if (_failure is { } failure)
        {
            _failure = null;
            failure.Throw();
        }
    }

    public void Dispose()
    {
        _stopping = true;
        lock (_sleepGate)
            Monitor.PulseAll(_sleepGate);
        foreach (var thread in _threads)
            thread.Join();
    }

    private static void RunChunk<TJob>(void* job, int chunk, int worker)
        where TJob : struct, IChunkJob => Unsafe.AsRef<TJob>(job).Run(chunk, worker);

    private void TakeChunks(int worker)
    {
        try
        {
            while (true)
            {
                var chunk = Interlocked.Increment(ref _nextChunk) - 1;
                if (chunk >= _chunks)
                    return;
                _run(_job, chunk, worker);
            }
        }
        catch (Exception e)
        {
            // Raised again on the calling thread; the first one wins, and no further chunk starts.
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(e), null);
            Volatile.Write(ref _nextChunk, int.MaxValue / 2);
        }
    }

    private void Work(int worker)
    {
        long seen = 0;
        var spins = 0;
        while (!_stopping)
        {
            if (TryEnter(ref seen))
            {
                TakeChunks(worker);
                Interlocked.Decrement(ref _state);
                spins = 0;
            }
            else if (spins++ < SpinsBeforeSleep)
            {
                Thread.SpinWait(1);
            }
            else
            {
                Sleep(seen);
                spins = 0;
            }
        }
    }

    private bool TryEnter(ref long seen)
    {
        while (true)
        {
            var state = Volatile.Read(ref _state);
            var number = state & ~(NextJob - 1);
            if (number == seen || (state & Open) == 0)
                return false;
            if (Interlocked.CompareExchange(ref _state, state + 1, state) == state)
            {
                seen = number;
                return true;
            }
        }
    }

    private void Sleep(long seen)
    {
        lock (_sleepGate)
        {
            Interlocked.Increment(ref _sleepers);
            // Counted as asleep first, looked for a job second: Run does it the other way round, so none is missed.
            var state = Volatile.Read(ref _state);
            var newJob = (state & Open) != 0 && (state & ~(NextJob - 1)) != seen;
            if (!newJob && !_stopping)
                Monitor.Wait(_sleepGate);
            Interlocked.Decrement(ref _sleepers);
        }
    }
}
