using System.Runtime.InteropServices;

namespace CudaBn.Backends;

/// <summary>A block of memory on a device, released exactly once.</summary>
/// <param name="byteLength">The size of the block in bytes.</param>
public abstract class TensorStorage(long byteLength) : SafeHandle(0, ownsHandle: true)
{
    /// <summary>The size of the block in bytes.</summary>
    public long ByteLength { get; } = byteLength;

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The address of the block, in the address space of its device.</summary>
    /// <exception cref="ObjectDisposedException">The block was released.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }
}
