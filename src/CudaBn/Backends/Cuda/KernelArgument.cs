using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>One argument of a kernel: a value of at most 8 bytes, or the place of a larger one. Lists of them live on the
/// stack: a launch allocates nothing.</summary>
internal readonly unsafe struct KernelArgument
{
    private readonly ulong _bits;
    private readonly void* _place;

    private KernelArgument(ulong bits, int size, Tensor? tensor = null) => (_bits, Size, Tensor) = (bits, size, tensor);

    private KernelArgument(void* place, int size)
    {
        _place = place;
        Size = size;
    }

    /// <summary>Bytes, as the kernel declares them.</summary>
    public int Size { get; }

    /// <summary>The tensor whose address is given, which a recording must know of.</summary>
    public Tensor? Tensor { get; }

    public static implicit operator KernelArgument(Tensor? tensor) =>
        new(tensor is null ? 0 : (ulong)tensor.Address, sizeof(ulong), tensor);

    public static implicit operator KernelArgument(nint address) => new((ulong)address, sizeof(ulong));

    public static implicit operator KernelArgument(DevicePointer pointer) => new((ulong)pointer.Value, sizeof(ulong));

    public static implicit operator KernelArgument(int value) => new((uint)value, sizeof(int));

    public static implicit operator KernelArgument(uint value) => new(value, sizeof(uint));

    public static implicit operator KernelArgument(long value) => new((ulong)value, sizeof(long));

    public static implicit operator KernelArgument(ulong value) => new(value, sizeof(ulong));

    public static implicit operator KernelArgument(float value) =>
        new(BitConverter.SingleToUInt32Bits(value), sizeof(float));

    public static implicit operator KernelArgument(double value) =>
        new(BitConverter.DoubleToUInt64Bits(value), sizeof(double));

    /// <summary>A <c>real</c>: rounded to the element type that the kernel is compiled for.</summary>
    public static KernelArgument Real(double value, DType dtype)
    {
        // Not a conditional expression: its two values would both become double.
        if (dtype == DType.Float32)
            return (float)value;
        return value;
    }

    /// <summary>A structure, copied when the kernel is launched.</summary>
    /// <param name="value">Where it is, until then.</param>
    public static KernelArgument Struct<T>(T* value)
        where T : unmanaged => new((void*)value, sizeof(T));

    /// <summary>Where the driver is to read the value.</summary>
    /// <param name="slot">Room for a small one.</param>
    public void* Place(ulong* slot)
    {
        if (_place is not null)
            return _place;
        *slot = _bits;
        return slot;
    }
}
