using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    /// <summary>How many counters there are.</summary>
    internal const int MaxCounters = 4096;

    private const int SmallestScratch = 1 << 20;

    // Recordings hold the addresses of scratch memory that was outgrown since, so it stays until the backend goes.
    private readonly List<DeviceMemory> _scratch = [];
    private DeviceMemory? _counters;

    /// <summary>Memory for partial results of one operator. The next operator, which runs after it, gets the same.</summary>
    /// <param name="bytes">How much, at most.</param>
    internal nint Scratch(long bytes)
    {
        if (_scratch.Count == 0 || _scratch[^1].ByteLength < bytes)
        {
            var twice = _scratch.Count == 0 ? SmallestScratch : 2 * _scratch[^1].ByteLength;
            _scratch.Add(TakeForBackend(Math.Max(bytes, twice)));
        }

        return _scratch[^1].Address;
    }

    /// <summary>Counters, each zero, with which blocks find out who is last. Kernels leave them at zero.</summary>
    /// <param name="count">At most <see cref="MaxCounters"/>.</param>
    internal nint Counters(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxCounters);
        if (_counters is null)
        {
            RequireNotRecording("reserve counters");
            _counters = TakeForBackend(MaxCounters * sizeof(uint));
            Driver.cuMemsetD8Async(
                new DevicePointer(_counters.Address), 0, (nuint)_counters.ByteLength, _stream.Handle).ThrowIfFailed();
        }

        return _counters.Address;
    }

    private DeviceMemory TakeForBackend(long bytes) =>
        _allocator.Take(bytes, mayTrim: _recording is null, isTensor: false);

    private void DisposeScratch()
    {
        foreach (var memory in _scratch)
            memory.Dispose();
        _counters?.Dispose();
    }
}
