using System.Runtime.InteropServices;

namespace CudaBn.Bench;

/// <summary>The numbers of a tensor where this process can read them: in place on the CPU, a copy of those on a
/// device.</summary>
public sealed unsafe class HostValues : IDisposable
{
    private readonly Tensor _tensor;
    private readonly void* _values;
    private readonly void* _copy;

    public HostValues(Tensor tensor)
    {
        _tensor = tensor;
        if (tensor.Device.Kind == DeviceKind.Cpu)
        {
            _values = (void*)tensor.Address;
            return;
        }

        _copy = NativeMemory.Alloc((nuint)(tensor.ElementCount * tensor.DType.Size()));
        _values = _copy;
        tensor.Device.Backend.CopyToHost(tensor, (nint)_copy);
    }

    public long Count => _tensor.ElementCount;

    public double this[long index] => index < 0 || index >= Count
        ? throw new ArgumentOutOfRangeException(nameof(index), index, $"There are {Count} values.")
        : _tensor.DType switch
        {
            DType.Float32 => ((float*)_values)[index],
            DType.Float64 => ((double*)_values)[index],
            DType.UInt8 => ((byte*)_values)[index],
            DType.Int32 => ((int*)_values)[index],
            DType.Int64 => ((long*)_values)[index],
            _ => throw new NotSupportedException($"{_tensor.DType}"),
        };

    public void Dispose() => NativeMemory.Free(_copy);
}
