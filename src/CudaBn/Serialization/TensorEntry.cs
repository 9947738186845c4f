using System.Collections.Immutable;

namespace CudaBn.Serialization;

/// <summary>One tensor in a file: what the file says about it before it is read.</summary>
/// <param name="Name">The tensor's name, unique in its file.</param>
/// <param name="DType">The element type in the spelling of safetensors: F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32,
/// U16, U8 or BOOL, which models and NumPy know; or F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4 or
/// C64, whose elements are handed on only as they are.</param>
/// <param name="Shape">The sizes, outermost first; empty for a scalar. A size may be 0.</param>
/// <param name="Length">The elements in bytes: the product of the shape times the element size.</param>
public record TensorEntry(string Name, string DType, ImmutableArray<long> Shape, long Length);
