namespace CudaBn.Tests.Support;

/// <summary>What code takes from the collected heap.</summary>
internal static class Allocations
{
    /// <summary>The bytes that work takes on this thread. A collection goes before: what the runtime holds weakly, such as the
    /// names of types, is then made anew by whoever asks for it, as now and then in a long training.</summary>
    public static long Of(Action work)
    {
        GC.Collect();
        var before = GC.GetAllocatedBytesForCurrentThread();
        work();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
