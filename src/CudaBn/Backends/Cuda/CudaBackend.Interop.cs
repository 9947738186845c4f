using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    /// <summary>Makes a backend that works in a context and on a stream of other code, which must outlive it.</summary>
    /// <param name="context">A CUcontext.</param>
    /// <param name="stream">A CUstream of that context.</param>
    /// <returns>The backend; disposing it leaves context and stream as they are.</returns>
    /// <exception cref="PlatformNotSupportedException">A library is missing or too old.</exception>
    /// <exception cref="CudaException">The handle is no context.</exception>
    public static CudaBackend On(nint context, nint stream) =>
        new(OpenForeign(context), own => new CudaStream(own, new StreamHandle(stream)));

    /// <summary>Makes a tensor of memory that other code owns and releases. Nothing is copied.</summary>
    /// <param name="address">A CUdeviceptr in this backend's context, aligned to the element size.</param>
    /// <param name="shape">The sizes; so many elements are there.</param>
    /// <param name="dtype">The element type.</param>
    /// <returns>A tensor that must not be used once the memory is released. Disposing it releases nothing.</returns>
    /// <remarks>Work of other streams on the memory is put in order with events of <see cref="Stream"/>.</remarks>
    /// <exception cref="ArgumentException">The address is 0 or not aligned, or the shape is <c>default</c>.</exception>
    public Tensor Wrap(nint address, Shape shape, DType dtype)
    {
        if (shape.ElementCount == 0)
            throw new ArgumentException("A tensor needs a shape: default(Shape) has no elements.", nameof(shape));
        if (address == 0 || address % dtype.Size() != 0)
            throw new ArgumentException(
                $"0x{address:x} is no address of {dtype} elements, of {dtype.Size()} bytes each.", nameof(address));
        var storage = new ForeignStorage(address, checked(shape.ElementCount * dtype.Size()));
        return new Tensor(shape, dtype, Device, storage, ownsStorage: true);
    }

    /// <summary>Returns memory that is kept for tensors to come to the driver, for other programs to use. Waits for
    /// everything queued.</summary>
    /// <returns>How many bytes.</returns>
    public long Trim()
    {
        Synchronize();
        using var scope = Enter();
        return _allocator.Trim();
    }

    /// <summary>Queues a copy from the host on <see cref="Stream"/>. The elements are read later: until this is done they must
    /// not change.</summary>
    /// <param name="source">As many elements as the tensor has.</param>
    /// <param name="destination">A tensor of this device.</param>
    /// <typeparam name="T">The .NET type of the tensor's elements.</typeparam>
    /// <exception cref="ArgumentException">Element type, number of elements or device differ.</exception>
    public void QueueCopy<T>(PinnedBuffer<T> source, Tensor destination)
        where T : unmanaged => QueueCopy(source, destination, _stream);

    /// <summary>Queues a copy to the host on <see cref="Stream"/>. The elements are there once that, or an event recorded after
    /// this, was waited for.</summary>
    /// <param name="source">A tensor of this device.</param>
    /// <param name="destination">As many elements as the tensor has.</param>
    /// <typeparam name="T">The .NET type of the tensor's elements.</typeparam>
    /// <exception cref="ArgumentException">Element type, number of elements or device differ.</exception>
    public void QueueCopy<T>(Tensor source, PinnedBuffer<T> destination)
        where T : unmanaged => QueueCopy(source, destination, _stream);

    /// <summary>Queues a copy from the host. The elements are read later: until this is done they must not
    /// change.</summary>
    /// <param name="source">As many elements as the tensor has.</param>
    /// <param name="destination">A tensor of this device.</param>
    /// <param name="stream">The stream to queue on. With another one than <see cref="Stream"/>, events must keep the copy in
    /// order with operators, also with those on whatever tensor gets the memory when this one is disposed.</param>
    /// <typeparam name="T">The .NET type of the tensor's elements.</typeparam>
    /// <exception cref="ArgumentException">Element type, number of elements or device differ.</exception>
    public void QueueCopy<T>(PinnedBuffer<T> source, Tensor destination, CudaStream stream)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        RequireAlike(source, destination);
        using var scope = Enter();
        RequireNotRecording("copy from the host");
        Driver.cuMemcpyHtoDAsync_v2(
            new DevicePointer(destination.Address), (void*)source.Address, (nuint)destination.ByteLength, stream.Handle)
            .ThrowIfFailed();
        source.Memory.NoteUse(stream);
    }

    /// <summary>Queues a copy to the host. The elements are there once the stream, or an event recorded after this, was
    /// waited for.</summary>
    /// <param name="source">A tensor of this device.</param>
    /// <param name="destination">As many elements as the tensor has.</param>
    /// <param name="stream">The stream to queue on. With another one than <see cref="Stream"/>, events must keep the copy in
    /// order with operators, also with those on whatever tensor gets the memory when this one is disposed.</param>
    /// <typeparam name="T">The .NET type of the tensor's elements.</typeparam>
    /// <exception cref="ArgumentException">Element type, number of elements or device differ.</exception>
    public void QueueCopy<T>(Tensor source, PinnedBuffer<T> destination, CudaStream stream)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        RequireAlike(destination, source);
        using var scope = Enter();
        RequireNotRecording("copy to the host");
        Driver.cuMemcpyDtoHAsync_v2(
            (void*)destination.Address, new DevicePointer(source.Address), (nuint)source.ByteLength, stream.Handle)
            .ThrowIfFailed();
        destination.Memory.NoteUse(stream);
    }

    private void RequireAlike<T>(PinnedBuffer<T> buffer, Tensor tensor)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(buffer);
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Device != Device)
            throw new ArgumentException($"A {tensor} does not live on {Device}.", nameof(tensor));
        if (tensor.DType != buffer.DType || tensor.ElementCount != buffer.Length)
            throw new ArgumentException(
                $"A {tensor} of {tensor.ElementCount} elements and {buffer.Length} pinned elements of "
                + $"{buffer.DType} are not alike.", nameof(tensor));
    }
}
