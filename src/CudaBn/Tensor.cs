using CudaBn.Backends;

namespace CudaBn;

/// <summary>A dense row-major array of one element type on one device.</summary>
/// <remarks>A tensor owns its memory unless it is a view made by <see cref="Reshape"/>; a view must not be used
/// after its owner is disposed. Operators and layers may be queued on the device: reading through
/// <see cref="CopyTo{T}"/> or <see cref="ToArray{T}"/> waits for them.</remarks>
public sealed class Tensor : IDisposable
{
    private readonly bool _ownsStorage;
    private readonly long _byteOffset;

    /// <summary>Makes a tensor whose elements are not set.</summary>
    /// <param name="shape">Its sizes.</param>
    /// <param name="dtype">Its element type.</param>
    /// <param name="device">Where it lives.</param>
    /// <exception cref="ArgumentException">The shape is <c>default</c>.</exception>
    /// <exception cref="InsufficientMemoryException">The device has no such room.</exception>
    public Tensor(Shape shape, DType dtype, Device device)
        : this(shape, dtype, device, Allocate(shape, dtype, device), ownsStorage: true)
    {
    }

    internal Tensor(
        Shape shape, DType dtype, Device device, TensorStorage storage, bool ownsStorage, long byteOffset = 0)
    {
        _byteOffset = byteOffset;
        Shape = shape;
        DType = dtype;
        Device = device;
        Storage = storage;
        _ownsStorage = ownsStorage;
    }

    /// <summary>The sizes.</summary>
    public Shape Shape { get; }

    /// <summary>The element type.</summary>
    public DType DType { get; }

    /// <summary>Where the elements live.</summary>
    public Device Device { get; }

    /// <summary>The number of elements.</summary>
    public long ElementCount => Shape.ElementCount;

    /// <summary>The address of the first element: in this process for a CPU tensor, on the device for a CUDA one.</summary>
    /// <exception cref="ObjectDisposedException">The memory was released.</exception>
    public nint Address => Storage.Address + (nint)_byteOffset;

    internal TensorStorage Storage { get; }

    internal long ByteLength => ElementCount * DType.Size();

    /// <summary>Makes a tensor of zeros.</summary>
    /// <param name="shape">Its sizes.</param>
    /// <param name="dtype">Its element type.</param>
    /// <param name="device">Where it lives; the CPU when null.</param>
    /// <returns>The tensor.</returns>
    public static Tensor Zeros(Shape shape, DType dtype = DType.Float32, Device? device = null)
    {
        var tensor = new Tensor(shape, dtype, device ?? Device.Cpu);
        tensor.Device.Backend.Clear(tensor);
        return tensor;
    }

    /// <summary>Makes a tensor that holds a copy of an array.</summary>
    /// <param name="values">The elements, row-major.</param>
    /// <param name="shape">The sizes; their product is the number of values.</param>
    /// <param name="device">Where it lives; the CPU when null.</param>
    /// <typeparam name="T">float, double, byte, int or long.</typeparam>
    /// <returns>The tensor.</returns>
    /// <exception cref="ArgumentException">The number of values is not that of the shape.</exception>
    public static Tensor From<T>(ReadOnlySpan<T> values, Shape shape, Device? device = null)
        where T : unmanaged
    {
        var tensor = new Tensor(shape, DTypes.Of<T>(), device ?? Device.Cpu);
        try
        {
            tensor.CopyFrom(values);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    /// <summary>Overwrites the elements with those of a span.</summary>
    /// <param name="values">As many elements as this tensor has, row-major.</param>
    /// <typeparam name="T">The .NET type of this tensor's elements.</typeparam>
    /// <exception cref="ArgumentException">The element type or the number of values is not this tensor's.</exception>
    public unsafe void CopyFrom<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        RequireSpan<T>(values.Length);
        fixed (T* source = values)
            Device.Backend.CopyFromHost((nint)source, this);
        GC.KeepAlive(this);
    }

    /// <summary>Copies the elements into a span, after waiting for the device.</summary>
    /// <param name="values">As many elements as this tensor has, row-major.</param>
    /// <typeparam name="T">The .NET type of this tensor's elements.</typeparam>
    /// <exception cref="ArgumentException">The element type or the number of values is not this tensor's.</exception>
    public unsafe void CopyTo<T>(Span<T> values)
        where T : unmanaged
    {
        RequireSpan<T>(values.Length);
        fixed (T* destination = values)
            Device.Backend.CopyToHost(this, (nint)destination);
        // A backend works on addresses: the collector must not release the memory of a tensor nobody else holds.
        GC.KeepAlive(this);
    }

    /// <summary>Overwrites the elements with those of a tensor of the same element type and device.</summary>
    /// <param name="source">A tensor with as many elements; its shape may differ.</param>
    /// <exception cref="ArgumentException">Element type, device or number of elements differ.</exception>
    public void CopyFrom(Tensor source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.DType != DType || source.Device != Device || source.ElementCount != ElementCount)
            throw new ArgumentException($"A {source} cannot be copied into a {this}.", nameof(source));
        Device.Backend.Copy(source, this);
        GC.KeepAlive(source);
        GC.KeepAlive(this);
    }

    /// <summary>The elements as a new array, after waiting for the device.</summary>
    /// <typeparam name="T">The .NET type of this tensor's elements.</typeparam>
    /// <returns>The elements, row-major.</returns>
    /// <exception cref="ArgumentException">The element type is not this tensor's.</exception>
    public T[] ToArray<T>()
        where T : unmanaged
    {
        var values = new T[ElementCount];
        CopyTo<T>(values);
        return values;
    }

    /// <summary>The elements of a Float32 or Float64 tensor in double.</summary>
    internal double[] ToDoubles() => DType == DType.Float64
        ? ToArray<double>()
        : Array.ConvertAll(ToArray<float>(), value => (double)value);

    /// <summary>Overwrites the elements of a Float32 or Float64 tensor, each rounded once.</summary>
    internal void CopyFromDoubles(double[] values)
    {
        if (DType == DType.Float64)
            CopyFrom<double>(values);
        else
            CopyFrom<float>(Array.ConvertAll(values, value => (float)value));
    }

    /// <summary>The elements of a CPU tensor in place.</summary>
    /// <typeparam name="T">The .NET type of this tensor's elements.</typeparam>
    /// <returns>The elements, row-major; valid while the tensor is not disposed.</returns>
    /// <exception cref="ArgumentException">The element type is not this tensor's.</exception>
    /// <exception cref="InvalidOperationException">The tensor does not live on the CPU.</exception>
    /// <exception cref="OverflowException">The tensor has more than 2^31 - 1 elements.</exception>
    public unsafe Span<T> AsSpan<T>()
        where T : unmanaged
    {
        RequireType<T>();
        if (Device.Kind != DeviceKind.Cpu)
            throw new InvalidOperationException($"A {this} has no span: copy it with ToArray or CopyTo.");
        return new Span<T>((void*)Address, checked((int)ElementCount));
    }

    /// <summary>A view of the same memory with other sizes.</summary>
    /// <param name="shape">The sizes; their product is this tensor's number of elements.</param>
    /// <returns>A tensor that shares, and does not own, this tensor's memory.</returns>
    /// <exception cref="ArgumentException">The number of elements differs.</exception>
    public Tensor Reshape(Shape shape)
    {
        if (shape.ElementCount != ElementCount)
            throw new ArgumentException(
                $"A {this} of {ElementCount} elements has no view of shape {shape} with {shape.ElementCount}.",
                nameof(shape));
        return new Tensor(shape, DType, Device, Storage, ownsStorage: false, _byteOffset);
    }

    /// <summary>A view of some consecutive elements.</summary>
    /// <param name="firstElement">The first of them.</param>
    /// <param name="shape">The view's shape, which must fit behind that.</param>
    internal Tensor Part(long firstElement, Shape shape) =>
        new(shape, DType, Device, Storage, ownsStorage: false, _byteOffset + firstElement * DType.Size());

    /// <summary>Releases the memory, unless this is a view.</summary>
    public void Dispose()
    {
        if (_ownsStorage)
            Storage.Dispose();
    }

    /// <summary>Element type, sizes and device: <c>Float32 tensor [256, 10] on cpu</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{DType} tensor {Shape} on {Device}";

    private static TensorStorage Allocate(Shape shape, DType dtype, Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (shape.ElementCount == 0)
            throw new ArgumentException("A tensor needs a shape: default(Shape) has no elements.", nameof(shape));
        var elementSize = dtype.Size();
        if (shape.ElementCount > long.MaxValue / elementSize)
            throw NoRoom(shape, dtype, device, cause: null);
        try
        {
            return device.Backend.Allocate(shape.ElementCount * elementSize);
        }
        catch (OutOfMemoryException e)
        {
            throw NoRoom(shape, dtype, device, e);
        }
    }

    private static InsufficientMemoryException NoRoom(Shape shape, DType dtype, Device device, Exception? cause) =>
        new(
            $"There is no room for a {dtype} tensor {shape} on {device}"
            + (cause is InsufficientMemoryException ? $": {cause.Message}." : "."), cause);

    private void RequireType<T>()
        where T : unmanaged
    {
        if (DTypes.Of<T>() != DType)
            throw new ArgumentException($"A {this} holds no elements of {typeof(T).Name}.");
    }

    private void RequireSpan<T>(int length)
        where T : unmanaged
    {
        RequireType<T>();
        if (length != ElementCount)
            throw new ArgumentException($"A {this} has {ElementCount} elements, the span has {length}.");
    }
}
