using System.Collections.Immutable;

namespace CudaBn.Serialization;

/// <summary>One tensor to be written to a file.</summary>
/// <param name="Name">The tensor's name, unique in its file; in a safetensors file not "__metadata__".</param>
/// <param name="DType">The element type in the spelling of safetensors, as in <see cref="TensorEntry.DType"/>.</param>
/// <param name="Shape">The sizes, outermost first, none below 0; empty for a scalar.</param>
/// <param name="WritePayload">Called once: writes the elements, row-major and little-endian, exactly the product of the
/// shape times the element size in bytes, and leaves the stream open.</param>
public sealed record TensorSource(
    string Name, string DType, ImmutableArray<long> Shape, Action<Stream> WritePayload);
