using System.Runtime.InteropServices;

namespace CudaBn.Tests.Backends;

/// <summary>The elements of a tensor as bytes: what bit-identical means.</summary>
public static class TensorBits
{
    public static byte[] Of(Tensor tensor) => tensor.DType switch
    {
        DType.Float32 => MemoryMarshal.AsBytes<float>(tensor.ToArray<float>()).ToArray(),
        DType.Float64 => MemoryMarshal.AsBytes<double>(tensor.ToArray<double>()).ToArray(),
        DType.Int64 => MemoryMarshal.AsBytes<long>(tensor.ToArray<long>()).ToArray(),
        DType.Int32 => MemoryMarshal.AsBytes<int>(tensor.ToArray<int>()).ToArray(),
        _ => tensor.ToArray<byte>(),
    };
}
