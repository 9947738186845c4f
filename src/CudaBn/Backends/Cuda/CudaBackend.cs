using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>Operators on an NVIDIA GPU: CUDA C kernels, compiled when first used for the GPU at hand and queued on one
/// stream.</summary>
/// <remarks>Only a copy to the host and <see cref="Synchronize"/> wait. Any thread may call; operators of one backend are
/// queued one at a time. The same calls give the same bits on the same device.</remarks>
public sealed unsafe partial class CudaBackend : Backend
{
    private readonly Lock _gate = new();
    private readonly CudaContext _context;
    private readonly CudaStream _stream;
    private readonly KernelModules _modules;
    private bool _isDisposed;

    /// <summary>Opens a GPU.</summary>
    /// <param name="index">Which, from 0.</param>
    /// <exception cref="PlatformNotSupportedException">There is no such GPU, or a library is missing or too old.</exception>
    /// <exception cref="CudaException">The GPU does not open.</exception>
    public CudaBackend(int index = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        if (CudaDiagnosis.OfThisMachine.ProblemOf(index) is { } problem)
            throw problem.ToException($"cuda:{index}");
        _context = new CudaContext(index);
        var major = _context.Attribute(DeviceAttribute.ComputeCapabilityMajor);
        var minor = _context.Attribute(DeviceAttribute.ComputeCapabilityMinor);
        MultiprocessorCount = _context.Attribute(DeviceAttribute.MultiprocessorCount);
        Architecture = KernelCompiler.ArchitectureFor(10 * major + minor, KernelCompiler.Architectures);
        _modules = new KernelModules(_context, Architecture);
        using (_context.Bind())
            _stream = new CudaStream(_context);
        Device = new Device(DeviceKind.Cuda, index, $"{_context.Name}, compute capability {major}.{minor}", this);
    }

    /// <inheritdoc/>
    public override Device Device { get; }

    internal int MultiprocessorCount { get; }

    /// <summary>What kernels are compiled for, such as sm_90.</summary>
    internal string Architecture { get; }

    internal bool IsDisposed => _isDisposed;

    /// <inheritdoc/>
    public override TensorStorage Allocate(long byteLength)
    {
        using var scope = Enter();
        return new CudaStorage(_context, byteLength);
    }

    /// <inheritdoc/>
    public override void CopyFromHost(nint source, Tensor destination)
    {
        using var scope = Enter();
        RequireNotRecording("copy from the host");
        // Memory that is not pinned is read before the call returns.
        Driver.cuMemcpyHtoDAsync_v2(
            new DevicePointer(destination.Address), (void*)source, (nuint)destination.ByteLength, _stream.Handle)
            .ThrowIfFailed();
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
            _blas?.Dispose();
            DisposeScratch();
            _refusedLabel?.Dispose();
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
