using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>Pinned memory through which a caller's memory is copied to the device, so that the caller may use it again at
/// once, pinned or not, and the device need not be waited for. Filled round and round.</summary>
internal sealed unsafe class HostStaging(CudaContext context) : IDisposable
{
    private const int SegmentCount = 4;
    private const long SegmentBytes = 1 << 20;

    private readonly PinnedMemory?[] _segments = new PinnedMemory?[SegmentCount];
    private int _current;
    private long _used;

    /// <summary>Queues a copy. The context must be bound; callers take turns.</summary>
    public void CopyToDevice(nint source, nint destination, long bytes, CudaStream stream)
    {
        while (bytes > 0)
        {
            if (_used == SegmentBytes)
                Advance();
            var segment = _segments[_current] ??= new PinnedMemory(context, SegmentBytes);
            var part = Math.Min(bytes, SegmentBytes - _used);
            var place = segment.Address + (nint)_used;
            Buffer.MemoryCopy((void*)source, (void*)place, part, part);
            Driver.cuMemcpyHtoDAsync_v2(new DevicePointer(destination), (void*)place, (nuint)part, stream.Handle)
                .ThrowIfFailed();
            segment.NoteUse(stream);
            _used += part;
            source += (nint)part;
            destination += (nint)part;
            bytes -= part;
        }
    }

    public void Dispose()
    {
        foreach (var segment in _segments)
            segment?.Dispose();
    }

    private void Advance()
    {
        _current = (_current + 1) % SegmentCount;
        _segments[_current]?.WaitForLastUse();
        _used = 0;
    }
}
