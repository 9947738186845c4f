using System.Collections.Concurrent;
using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

public class WorkerPoolTests
{
    private static readonly TimeSpan _longWait = TimeSpan.FromSeconds(20);

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(8)]
    public void Run_EveryChunkRunsOnce(int workers)
    {
        using var pool = new WorkerPool(workers);
        Assert.That(pool.Workers, Is.EqualTo(workers));
        foreach (var chunks in Enumerable.Range(0, 70).Concat([255, 256, 1000, 10_007]))
        {
            var job = new CountJob(new int[chunks]);
            pool.Run(ref job, chunks);
            Assert.That(job.Seen, Is.All.EqualTo(1), $"{chunks} chunks");
        }
    }

    [TestCase(2)]
    [TestCase(4)]
    public void Run_WorkerNumbersAreBelowWorkersAndNeverShared(int workers)
    {
        using var pool = new WorkerPool(workers);
        for (var i = 0; i < 200; i++)
        {
            var job = new WorkerNumberJob(new int[workers], new ConcurrentBag<string>());
            pool.Run(ref job, 50);
            Assert.That(job.Faults, Is.Empty);
        }
    }

    [TestCase(2, 0)]
    [TestCase(2, 30)]
    [TestCase(4, 0)]
    [TestCase(4, 30)]
    public void Run_AllWorkersTakePart_AwakeOrAsleep(int workers, int pauseMilliseconds)
    {
        using var pool = new WorkerPool(workers);
        for (var i = 0; i < 8; i++)
        {
            Thread.Sleep(pauseMilliseconds);
            using var together = new Barrier(workers);
            var job = new MeetJob(together, new Thread[workers]);
            pool.Run(ref job, workers);
            Assert.That(job.Threads.Distinct().Count(), Is.EqualTo(workers));
        }
    }

    [TestCase(2)]
    [TestCase(4)]
    public void Run_ThousandsOfTinyJobs_LoseAndRepeatNoChunk(int workers)
    {
        using var pool = new WorkerPool(workers);
        var random = new Random(1);
        var seen = new int[64];
        var expected = new int[64];
        for (var i = 0; i < 6000; i++)
        {
            var chunks = random.Next(1, 9);
            for (var chunk = 0; chunk < chunks; chunk++)
                expected[chunk]++;
            var job = new CountJob(seen);
            pool.Run(ref job, chunks);
            // What is counted after Run returned would be a chunk that ran too late.
            if (!seen.AsSpan().SequenceEqual(expected))
                Assert.Fail($"job {i} of {chunks} chunks: {string.Join(' ', seen)}");
            // Long enough, some of the time, for the workers to fall asleep, or to be about to.
            if (i % 100 == 0)
                Thread.Sleep(random.Next(3));
            else if (i % 7 == 0)
                Thread.SpinWait(random.Next(8000));
        }
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(4)]
    public void Run_ChunkThatThrows_IsRethrownAndThePoolWorksOn(int workers)
    {
        using var pool = new WorkerPool(workers);
        for (var i = 0; i < 200; i++)
        {
            var failing = new FailJob(i % 20, new int[20]);
            var thrown = Assert.Throws<InvalidOperationException>(() => pool.Run(ref failing, 20));
            Assert.That(thrown!.Message, Is.EqualTo($"chunk {i % 20}"));
            Assert.That(thrown.StackTrace, Does.Contain(nameof(FailJob)));
            var before = failing.Seen.Sum();
            var job = new CountJob(new int[20]);
            pool.Run(ref job, 20);
            Assert.That(job.Seen, Is.All.EqualTo(1));
            Assert.That(failing.Seen.Sum(), Is.EqualTo(before), "a chunk of the failed job ran after it");
        }
    }

    [Test]
    public void Run_EveryChunkThrows_OneIsRethrown()
    {
        using var pool = new WorkerPool(4);
        for (var i = 0; i < 100; i++)
        {
            var failing = new FailJob(-1, new int[20]);
            Assert.Throws<InvalidOperationException>(() => pool.Run(ref failing, 20));
            Assert.That(failing.Seen.Sum(), Is.LessThanOrEqualTo(4), "chunks start after a failure");
        }
    }

    [Test]
    public void Run_ExceptionOnAnotherThread_ReachesTheCaller()
    {
        using var pool = new WorkerPool(2);
        using var together = new Barrier(2);
        var job = new FailElsewhereJob(together, Environment.CurrentManagedThreadId);
        Assert.Throws<NotSupportedException>(() => pool.Run(ref job, 2));
    }

    [TestCase(0)]
    [TestCase(30)]
    public void Dispose_EndsTheThreads(int pauseMilliseconds)
    {
        for (var i = 0; i < 10; i++)
        {
            var pool = new WorkerPool(3);
            using var together = new Barrier(3);
            var job = new MeetJob(together, new Thread[3]);
            pool.Run(ref job, 3);
            Thread.Sleep(pauseMilliseconds);
            pool.Dispose();
            pool.Dispose();
            Assert.That(job.Threads.Where(t => t != Thread.CurrentThread).Any(t => t.IsAlive), Is.False);
            Assert.That(job.Threads.Count(t => t == Thread.CurrentThread), Is.EqualTo(1));
        }
    }

    [Test]
    public void Dispose_OfAPoolThatNeverRan_Returns()
    {
        for (var i = 0; i < 50; i++)
            new WorkerPool(4).Dispose();
    }

    [Test]
    public void Run_AllocatesNothing()
    {
        using var pool = new WorkerPool(2);
        var job = new CountJob(new int[8]);
        for (var i = 0; i < 100; i++)
            pool.Run(ref job, 8);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            pool.Run(ref job, 8);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private readonly struct CountJob(int[] seen) : IChunkJob
    {
        public int[] Seen => seen;

        public void Run(int chunk, int worker) => Interlocked.Increment(ref seen[chunk]);
    }

    private readonly struct WorkerNumberJob(int[] busy, ConcurrentBag<string> faults) : IChunkJob
    {
        public ConcurrentBag<string> Faults => faults;

        public void Run(int chunk, int worker)
        {
            if ((uint)worker >= (uint)busy.Length)
            {
                faults.Add($"worker {worker}");
                return;
            }

            if (Interlocked.Exchange(ref busy[worker], 1) != 0)
                faults.Add($"worker {worker} runs two chunks at once");
            Thread.SpinWait(50);
            Volatile.Write(ref busy[worker], 0);
        }
    }

    private readonly struct MeetJob(Barrier together, Thread[] threads) : IChunkJob
    {
        public Thread[] Threads => threads;

        public void Run(int chunk, int worker)
        {
            threads[chunk] = Thread.CurrentThread;
            if (!together.SignalAndWait(_longWait))
                throw new TimeoutException($"The other workers did not come to meet chunk {chunk}.");
        }
    }

    private readonly struct FailJob(int failing, int[] seen) : IChunkJob
    {
        public int[] Seen => seen;

        public void Run(int chunk, int worker)
        {
            Interlocked.Increment(ref seen[chunk]);
            if (failing < 0 || chunk == failing)
                throw new InvalidOperationException($"chunk {chunk}");
        }
    }

    private readonly struct FailElsewhereJob(Barrier together, int caller) : IChunkJob
    {
        public void Run(int chunk, int worker)
        {
            together.SignalAndWait(_longWait);
            if (Environment.CurrentManagedThreadId != caller)
                throw new NotSupportedException("not the caller");
        }
    }
}
