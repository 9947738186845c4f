namespace CudaBn.Serialization;

/// <summary>The element types of the safetensors format.</summary>
internal static class SafeTensorsDType
{
    // In the order in which the format's own implementation ranks them: the writer lays tensors out from the last to
    // the first, so that every tensor starts at a multiple of its element size without padding.
    private static readonly string[] _names =
        ["BOOL", "U8", "I8", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "F64", "I64", "U64"];

    private static readonly int[] _sizes = [1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 8, 8, 8];

    /// <summary>All names, for messages.</summary>
    public static string Names => string.Join(", ", _names);

    /// <summary>The type's place in the order of alignment, or -1 for a name the format does not have.</summary>
    public static int Rank(string name) => Array.IndexOf(_names, name);

    /// <summary>The name of the type with this rank.</summary>
    public static string Name(int rank) => _names[rank];

    /// <summary>Bytes of one element of the type with this rank.</summary>
    public static int Size(int rank) => _sizes[rank];

    /// <summary>Bytes of a tensor of the type with this rank, or -1 if they do not fit 63 bits.</summary>
    public static long ByteLength(int rank, ReadOnlySpan<long> shape)
    {
        // The product runs from the left and may overflow even where a later size is 0, as in the format's own check.
        UInt128 product = 1;
        foreach (var size in shape)
        {
            product *= (ulong)size;
            if (product > long.MaxValue)
                return -1;
        }

        product *= (ulong)Size(rank);
        return product > long.MaxValue ? -1 : (long)product;
    }
}
