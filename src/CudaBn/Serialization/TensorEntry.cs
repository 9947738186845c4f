using System.Collections.Immutable;

namespace CudaBn.Serialization;

/// <summary>One tensor in a file: what the file says about it before it is read.</summary>
/// <param name="Name">The tensor's name, unique in its file.</param>
/// <param name="DType">The element type in the spelling of safetensors: F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32,
/// U16, U8 or BOOL.</param>
/// <param name="Shape">The sizes, outermost first; empty for a scalar. A size may be 0.</param>
/// <param name="Length">The elements in bytes: the product of the shape times the element size.</param>
public record TensorEntry(string Name, string DType, ImmutableArray<long> Shape, long Length);
