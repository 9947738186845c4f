using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>Gives out memory of a device and keeps what is returned for the next of that size: asking the driver takes long,
/// and returning memory to it waits for the device.</summary>
/// <remarks>A returned block may still be used by work that is queued. All work of a backend is on one stream, so whoever gets
/// the block next comes after that work. <c>CUDABN_MEMORY_CACHE=off</c> has every block come from the driver in its exact
/// size, for tools that watch memory.</remarks>
internal sealed unsafe class CudaAllocator(CudaContext context, bool isCaching)
{
    // A block of up to two classes above the one asked for wastes at most a third of it.
    private const int ClassesAbove = 2;

    private readonly Lock _gate = new();
    private readonly DeviceMemory?[] _unused = new DeviceMemory?[SizeClasses.Count];

    // Keeps blocks reachable as long as the allocator is: the collector must not release a block before the tensor that
    // returns it.
    private readonly HashSet<DeviceMemory> _blocks = [];
    private CudaMemoryStatistics _statistics;
    private bool _isClosed;

    /// <summary>What is in use, cached, and was asked for.</summary>
    public CudaMemoryStatistics Statistics
    {
        get
        {
            lock (_gate)
                return _statistics;
        }
    }

    public static bool IsCachingAsked => Environment.GetEnvironmentVariable("CUDABN_MEMORY_CACHE") != "off";

    /// <summary>Takes a block. The context must be bound.</summary>
    /// <param name="bytes">How much at least.</param>
    /// <param name="mayTrim">Whether unused blocks may be returned to the driver to make room.</param>
    /// <param name="isTensor">Whether it counts as a live tensor.</param>
    /// <exception cref="InsufficientMemoryException">The device has no such room.</exception>
    public DeviceMemory Take(long bytes, bool mayTrim, bool isTensor)
    {
        lock (_gate)
        {
            var block = (isCaching ? TakeUnused(bytes) : null) ?? TakeFromDriver(bytes, mayTrim);
            var inUse = _statistics.BytesInUse + block.ByteLength;
            _statistics = _statistics with
            {
                BytesInUse = inUse,
                PeakBytesInUse = Math.Max(inUse, _statistics.PeakBytesInUse),
                LiveTensors = _statistics.LiveTensors + (isTensor ? 1 : 0),
                Allocations = _statistics.Allocations + 1,
            };
            return block;
        }
    }

    /// <summary>Returns the block of a tensor. From any thread, the collector's too; needs no bound context and throws
    /// nothing.</summary>
    public bool Return(DeviceMemory block)
    {
        lock (_gate)
        {
            _statistics = _statistics with
            {
                BytesInUse = _statistics.BytesInUse - block.ByteLength,
                LiveTensors = _statistics.LiveTensors - 1,
            };
            // Where the allocator is garbage as well, the collector may have come to the block first.
            if (block.IsClosed)
                return true;
            if (isCaching && !_isClosed)
            {
                Keep(block);
                return true;
            }

            _blocks.Remove(block);
        }

        block.Dispose();
        return true;
    }

    /// <summary>Returns all unused blocks to the driver, which waits for work that still uses them.</summary>
    /// <returns>How many bytes.</returns>
    public long Trim()
    {
        lock (_gate)
        {
            var bytes = _statistics.BytesCached;
            for (var i = 0; i < _unused.Length; i++)
            {
                for (var block = _unused[i]; block is not null; block = block.Next)
                {
                    _blocks.Remove(block);
                    block.Dispose();
                }

                _unused[i] = null;
            }

            _statistics = _statistics with { BytesCached = 0 };
            return bytes;
        }
    }

    /// <summary>Keeps nothing from now on. Blocks that tensors still hold go when these do.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            Trim();
        }
    }

    private DeviceMemory? TakeUnused(long bytes)
    {
        if (bytes > SizeClasses.Largest)
            return null;
        var first = SizeClasses.Of(bytes);
        for (var i = first; i <= Math.Min(first + ClassesAbove, SizeClasses.Count - 1); i++)
        {
            if (_unused[i] is not { } block)
                continue;
            _unused[i] = block.Next;
            block.Next = null;
            _statistics = _statistics with { BytesCached = _statistics.BytesCached - block.ByteLength };
            return block;
        }

        return null;
    }

    /// <summary>Of the current context's device, in bytes.</summary>
    public static (long Free, long Total) MemoryOfDevice()
    {
        nuint free, total;
        Driver.cuMemGetInfo_v2(&free, &total).ThrowIfFailed();
        return ((long)free, (long)total);
    }

    private DeviceMemory TakeFromDriver(long bytes, bool mayTrim)
    {
        if (bytes > SizeClasses.Largest)
            throw NoRoom(bytes);
        var size = isCaching ? SizeClasses.Size(SizeClasses.Of(bytes)) : bytes;
        var block = DeviceMemory.TryAllocate(context, size);
        if (block is null && mayTrim && Trim() > 0)
            block = DeviceMemory.TryAllocate(context, size);
        if (block is null)
            throw NoRoom(bytes);
        _blocks.Add(block);
        _statistics = _statistics with { DriverAllocations = _statistics.DriverAllocations + 1 };
        return block;
    }

    private void Keep(DeviceMemory block)
    {
        var sizeClass = SizeClasses.Of(block.ByteLength);
        block.Next = _unused[sizeClass];
        _unused[sizeClass] = block;
        _statistics = _statistics with { BytesCached = _statistics.BytesCached + block.ByteLength };
    }

    private InsufficientMemoryException NoRoom(long bytes)
    {
        var (free, total) = MemoryOfDevice();
        return new InsufficientMemoryException(string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"{bytes} bytes do not fit in the memory of {context.Name}: {free} of {total} bytes are free, this process's "
            + $"tensors use {_statistics.BytesInUse}"));
    }
}
