using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cuda;

/// <summary>Elements in memory of this process that the GPU can copy from and to while the program goes on: see
/// <see cref="CudaBackend.QueueCopy{T}(PinnedBuffer{T}, Tensor)"/>.</summary>
/// <typeparam name="T">float, double, byte, int or long.</typeparam>
public sealed unsafe class PinnedBuffer<T> : IDisposable
    where T : unmanaged
{
    /// <summary>Reserves memory whose contents are not set.</summary>
    /// <param name="backend">The backend of the GPU.</param>
    /// <param name="length">The number of elements, above 0.</param>
    /// <exception cref="ArgumentException">The number is not positive, or no tensor has elements of this type.</exception>
    /// <exception cref="InsufficientMemoryException">So much cannot be pinned.</exception>
    public PinnedBuffer(CudaBackend backend, int length)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        DType = DTypes.Of<T>();
        Length = length;
        Memory = new PinnedMemory(backend.Context, (long)length * Unsafe.SizeOf<T>());
    }

    /// <summary>The number of elements.</summary>
    public int Length { get; }

    /// <summary>The elements in place. Copies that are queued read and write them: wait for those first.</summary>
    /// <exception cref="ObjectDisposedException">The memory was released.</exception>
    public Span<T> Span => new((void*)Memory.Address, Length);

    /// <summary>The address of the first element.</summary>
    /// <exception cref="ObjectDisposedException">The memory was released.</exception>
    public nint Address => Memory.Address;

    internal DType DType { get; }

    internal PinnedMemory Memory { get; }

    /// <summary>Releases the memory, after waiting for copies that use it.</summary>
    public void Dispose() => Memory.Dispose();
}
