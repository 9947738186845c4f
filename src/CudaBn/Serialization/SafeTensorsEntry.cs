using System.Collections.Immutable;

namespace CudaBn.Serialization;

/// <summary>One tensor in a safetensors file: what its header says about it.</summary>
/// <param name="Name">The tensor's name, unique in its file.</param>
/// <param name="DType">The element type in the format's spelling: F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32,
/// U16, U8 or BOOL, which models and NumPy know; or F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4 or
/// C64, whose elements are handed on only as they are.</param>
/// <param name="Shape">The sizes, outermost first; empty for a scalar. A size may be 0.</param>
/// <param name="Offset">Where the payload starts, in bytes from the start of the file.</param>
/// <param name="Length">The payload in bytes: the product of the shape times the element size. Row-major and
/// little-endian.</param>
public sealed record SafeTensorsEntry(
    string Name, string DType, ImmutableArray<long> Shape, long Offset, long Length)
    : TensorEntry(Name, DType, Shape, Length);
