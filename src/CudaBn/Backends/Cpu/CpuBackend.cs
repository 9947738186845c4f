namespace CudaBn.Backends.Cpu;

/// <summary>Operators on the processor: managed code on vector registers, over threads that stay alive.</summary>
/// <remarks>Results are the same bit for bit for any number of threads. Operators of one backend run one at a time;
/// callers on several threads wait for each other.</remarks>
public sealed unsafe partial class CpuBackend : Backend
{
    private readonly Lock _gate = new();
    private readonly WorkerPool _pool;
    private readonly CpuOperators _float32;
    private readonly CpuOperators _float64;
    private bool _isDisposed;

    /// <summary>Makes a backend with as many threads as there are processors for this process.</summary>
    public CpuBackend()
        : this(Environment.ProcessorCount)
    {
    }

    /// <summary>Makes a backend with a number of threads, the calling one included.</summary>
    /// <param name="threads">At least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public CpuBackend(int threads)
        : this(threads, SimdWidths.Widest)
    {
    }

    internal CpuBackend(int threads, SimdWidth width)
    {
        if (threads < 1)
            throw new ArgumentOutOfRangeException(
                nameof(threads), $"A backend needs at least one thread, not {threads}.");
        Threads = threads;
        _pool = new WorkerPool(threads);
        _float32 = CpuOperators.Create<float>(width, _pool);
        _float64 = CpuOperators.Create<double>(width, _pool);
        Device = new Device(
            DeviceKind.Cpu, 0, $"CPU, {width.Describe()}, {threads} thread{(threads == 1 ? "" : "s")}", this);
    }

    /// <inheritdoc/>
    public override Device Device { get; }

    /// <summary>The number of threads, the calling one included.</summary>
    public int Threads { get; }

    /// <inheritdoc/>
    public override TensorStorage Allocate(long byteLength) => new CpuStorage(byteLength);

    /// <inheritdoc/>
    public override void CopyFromHost(nint source, Tensor destination) =>
        Buffer.MemoryCopy((void*)source, (void*)destination.Address, destination.ByteLength, destination.ByteLength);

    /// <inheritdoc/>
    public override void CopyToHost(Tensor source, nint destination) =>
        Buffer.MemoryCopy((void*)source.Address, (void*)destination, source.ByteLength, source.ByteLength);

    /// <inheritdoc/>
    public override void Copy(Tensor source, Tensor destination) =>
        Buffer.MemoryCopy(
            (void*)source.Address, (void*)destination.Address, destination.ByteLength, source.ByteLength);

    /// <inheritdoc/>
    public override void Clear(Tensor destination) =>
        System.Runtime.InteropServices.NativeMemory.Clear(
            (void*)destination.Address, (nuint)destination.ByteLength);

    /// <inheritdoc/>
    /// <remarks>Nothing is queued here: operators return when they are done.</remarks>
    public override void Synchronize()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        lock (_gate)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            _pool.Dispose();
            _float32.Dispose();
            _float64.Dispose();
        }
    }

    private CpuOperators For(DType dtype)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return dtype switch
        {
            DType.Float32 => _float32,
            DType.Float64 => _float64,
            _ => throw new ArgumentException($"Operators compute in Float32 or Float64, not in {dtype}."),
        };
    }
}
