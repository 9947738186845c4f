namespace CudaBn.Serialization;

/// <summary>The element types of the safetensors format.</summary>
internal static class SafeTensorsDType
{
    // In the order in which the format's own implementation ranks them: the writer lays tensors out from the last to
    // the first, so that every tensor starts at a multiple of its element size without padding.
    private static readonly string[] _names =
    [
        "BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I16",
        "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64",
    ];

    private static readonly int[] _bits = [8, 4, 6, 6, 8, 8, 8, 8, 8, 8, 8, 16, 16, 16, 16, 32, 32, 32, 64, 64, 64, 64];

    /// <summary>All names, for messages.</summary>
    public static string Names => string.Join(", ", _names);

    /// <summary>The type's place in the order of alignment, or -1 for a name the format does not have.</summary>
    public static int Rank(string name) => Array.IndexOf(_names, name);

    /// <summary>The name of the type with this rank.</summary>
    public static string Name(int rank) => _names[rank];

    /// <summary>Bytes of one element of the type with this rank, which is none of those that fill no byte.</summary>
    public static int Size(int rank) => _bits[rank] / 8;

    /// <summary>Whether the elements of a tensor of the type with this rank fill whole bytes.</summary>
    public static bool FillsBytes(int rank, ReadOnlySpan<long> shape)
    {
        var bits = (long)_bits[rank] % 8;
        foreach (var size in shape)
            bits = bits * (size % 8) % 8;
        return bits == 0;
    }

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

        product = product * (ulong)_bits[rank] / 8;
        return product > long.MaxValue ? -1 : (long)product;
    }
}
