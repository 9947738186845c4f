using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>Operators on an NVIDIA GPU: CUDA C kernels, compiled when first used for the GPU at hand and queued on one
/// stream.</summary>
/// <remarks>Only a copy to the host and <see cref="Synchronize"/> wait. Any thread may call; operators of one backend are
/// queued one at a time. The same calls give the same bits on the same device. A kernel that fails, by an illegal address for
/// example, fails some later call with a <see cref="CudaException"/>; from then on the device is lost to this process, and every
/// call says so.</remarks>
public sealed unsafe partial class CudaBackend : Backend
{
    private readonly Lock _gate = new();
    private readonly CudaContext _context;
    private readonly CudaStream _stream;
    private readonly CudaAllocator _allocator;
    private readonly HostStaging _staging;
    private readonly KernelModules _modules;
    private bool _isDisposed;

    /// <summary>Opens a GPU.</summary>
    /// <param name="index">Which, from 0.</param>
    /// <exception cref="PlatformNotSupportedException">There is no such GPU, or a library is missing or too old.</exception>
    /// <exception cref="CudaException">The GPU does not open.</exception>
    public CudaBackend(int index = 0)
        : this(OpenPrimary(index), static context => new CudaStream(context))
    {
    }

    private CudaBackend(CudaContext context, Func<CudaContext, CudaStream> makeStream)
    {
        _context = context;
        try
        {
            var major = _context.Attribute(DeviceAttribute.ComputeCapabilityMajor);
            var minor = _context.Attribute(DeviceAttribute.ComputeCapabilityMinor);
            MultiprocessorCount = _context.Attribute(DeviceAttribute.MultiprocessorCount);
            Architecture = KernelCompiler.ArchitectureFor(new Version(major, minor), KernelCompiler.Architectures)
                ?? throw new PlatformNotSupportedException(
                    $"{_context.Name}, of compute capability {major}.{minor}, is older than this NVRTC compiles for.");
            _modules = new KernelModules(_context, Architecture);
            _allocator = new CudaAllocator(_context, CudaAllocator.IsCachingAsked);
            _staging = new HostStaging(_context);
            _stream = makeStream(_context);
            Device = new Device(
                DeviceKind.Cuda, _context.Ordinal, $"{_context.Name}, compute capability {major}.{minor}", this);
        }
        catch
        {
            _context.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override Device Device { get; }

    /// <summary>The CUcontext that everything of this backend lives in.</summary>
    public nint ContextHandle => _context.DangerousGetHandle();

    /// <summary>The CUstream that operators are queued on.</summary>
    public nint StreamHandle => _stream.DangerousGetHandle();

    /// <summary>The stream that operators are queued on, to record events in and to have it wait for others.</summary>
    public CudaStream Stream => _stream;

    /// <summary>What memory is in use and cached, and how many tensors are alive.</summary>
    public CudaMemoryStatistics MemoryStatistics => _allocator.Statistics;

    /// <summary>The memory of the device that nobody has, in bytes.</summary>
    internal long FreeBytes
    {
        get
        {
            using var scope = Enter();
            return CudaAllocator.MemoryOfDevice().Free;
        }
    }

    internal CudaContext Context => _context;

    internal int MultiprocessorCount { get; }

    /// <summary>What kernels are compiled for, such as sm_90.</summary>
    internal string Architecture { get; }

    internal bool IsDisposed => _isDisposed;

    /// <inheritdoc/>
    /// <exception cref="CudaException">The device failed before.</exception>
    public override TensorStorage Allocate(long byteLength)
    {
        try
        {
            return Reserve(byteLength);
        }
        catch (InsufficientMemoryException) when (_recording is null)
        {
            // Tensors that nobody holds any more are still there until the collector comes to them.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return Reserve(byteLength);
        }
    }

    /// <inheritdoc/>
    public override void CopyFromHost(nint source, Tensor destination)
    {
        using var scope = Enter();
        RequireNotRecording("copy from the host");
        _staging.CopyToDevice(source, destination.Address, destination.ByteLength, _stream);
    }

    /// <inheritdoc/>
    public override void CopyToHost(Tensor source, nint destination)
    {
        using var scope = Enter();
        RequireNotRecording("copy to the host");
        Driver.cuMemcpyDtoHAsync_v2(
            (void*)destination, new DevicePointer(source.Address), (nuint)source.ByteLength, _stream.Handle)
            .ThrowIfFailed();
        Wait();
    }

    /// <inheritdoc/>
    public override void Copy(Tensor source, Tensor destination)
    {
        using var scope = Enter();
        _recording?.Uses(source);
        _recording?.Uses(destination);
        Driver.cuMemcpyDtoDAsync_v2(
            new DevicePointer(destination.Address), new DevicePointer(source.Address), (nuint)destination.ByteLength,
            _stream.Handle).ThrowIfFailed();
    }

    /// <inheritdoc/>
    public override void Clear(Tensor destination)
    {
        using var scope = Enter();
        _recording?.Uses(destination);
        Driver.cuMemsetD8Async(
            new DevicePointer(destination.Address), 0, (nuint)destination.ByteLength, _stream.Handle).ThrowIfFailed();
    }

    /// <inheritdoc/>
    public override void Synchronize()
    {
        using var scope = Enter();
        RequireNotRecording("wait");
        Wait();
    }

    private void Wait()
    {
        Driver.cuStreamSynchronize(_stream.Handle).ThrowIfFailed();
        ThrowIfLabelWasRefused();
    }

    /// <summary>Takes the backend for this thread and makes its context current, until the result is disposed.</summary>
    internal Scope Enter()
    {
        var turn = _gate.EnterScope();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_context.Loss is { } loss)
                throw new CudaException($"{Device}", loss);
            return new Scope(turn, _context.Bind());
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    /// <summary>A kernel, compiled when first asked for. Inside <see cref="Enter"/>.</summary>
    internal BoundKernel Kernel(
        KernelFile file, string name, DType dtype, ReadOnlySpan<KernelConstant> constants = default) =>
        new(this, _modules.Get(file, name, dtype, constants));

    /// <summary>Blocks for a loop over elements in strides of the grid: enough to fill the device a few times, and no more
    /// than there is work for.</summary>
    internal int BlocksFor(long elements, int perBlock) =>
        (int)Math.Clamp((elements + perBlock - 1) / perBlock, 1, 8L * MultiprocessorCount);

    private static CudaContext OpenPrimary(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        if (CudaDiagnosis.OfThisMachine.ProblemOf(index) is { } problem)
            throw problem.ToException($"cuda:{index}");
        return new CudaContext(index);
    }

    private static CudaContext OpenForeign(nint context)
    {
        if (CudaDiagnosis.OfThisMachine.Problem is { } problem)
            throw problem.ToException("cuda");
        return new CudaContext(new ContextHandle(context));
    }

    private CudaStorage Reserve(long byteLength)
    {
        using var scope = Enter();
        return new CudaStorage(_allocator, byteLength, mayTrim: _recording is null);
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
            // What is queued uses the memory that goes now. If the device was lost, there is nothing to wait for.
            _ = _context.TryRun(_stream.DangerousGetHandle(), static stream =>
                Driver.cuStreamSynchronize(new StreamHandle(stream)));
            _blas?.Dispose();
            _blasWorkspace?.Dispose();
            DisposeScratch();
            _refusedLabel?.Dispose();
            _allocator.Close();
            _staging.Dispose();
            _modules.Dispose();
            _stream.Dispose();
            _context.Dispose();
        }
    }

    /// <summary>The time during which a thread has the backend.</summary>
    internal readonly ref struct Scope
    {
        private readonly Lock.Scope _turn;
        private readonly CudaContext.Binding _binding;

        public Scope(Lock.Scope turn, CudaContext.Binding binding)
        {
            _turn = turn;
            _binding = binding;
        }

        public void Dispose()
        {
            _binding.Dispose();
            _turn.Dispose();
        }
    }

    /// <summary>A kernel on this backend's stream.</summary>
    internal readonly struct BoundKernel(CudaBackend backend, CudaKernel kernel)
    {
        /// <summary>Queues the kernel.</summary>
        public void Launch(
            Dim3 grid, Dim3 block, ReadOnlySpan<KernelArgument> arguments, int sharedBytes = 0)
        {
            if (backend._recording is { } recording)
            {
                foreach (ref readonly var argument in arguments)
                {
                    if (argument.Tensor is { } tensor)
                        recording.Uses(tensor);
                }
            }

            kernel.Launch(backend._stream.Handle, grid, block, arguments, sharedBytes);
        }
    }
}
