using System.Runtime.InteropServices;

namespace CudaBn.Serialization;

/// <summary>Floating-point numbers of files, in the wider types that models compute in: exactly, never rounded.</summary>
internal static class WidenedElements
{
    /// <summary>Whether every number of a file's type is one of a tensor's type.</summary>
    /// <param name="from">The file's type, in the spelling of safetensors.</param>
    /// <param name="to">The tensor's type, another one.</param>
    public static bool IsExact(string from, DType to) => (from, to) switch
    {
        ("F16" or "BF16", DType.Float32 or DType.Float64) => true,
        ("F32", DType.Float64) => true,
        _ => false,
    };

    /// <summary>Widens the elements of a file.</summary>
    /// <param name="elements">The file's bytes.</param>
    /// <param name="from">Their type.</param>
    /// <param name="to">Float32 or Float64, where <see cref="IsExact"/>.</param>
    public static byte[] Widen(ReadOnlySpan<byte> elements, string from, DType to)
    {
        var singles = from switch
        {
            "F16" => FromHalves(MemoryMarshal.Cast<byte, Half>(elements)),
            "BF16" => FromTruncated(MemoryMarshal.Cast<byte, ushort>(elements)),
            _ => MemoryMarshal.Cast<byte, float>(elements),
        };
        if (to == DType.Float32)
            return MemoryMarshal.AsBytes(singles).ToArray();

        var doubles = new double[singles.Length];
        for (var i = 0; i < doubles.Length; i++)
            doubles[i] = singles[i];
        return MemoryMarshal.AsBytes(doubles.AsSpan()).ToArray();
    }

    private static ReadOnlySpan<float> FromHalves(ReadOnlySpan<Half> halves)
    {
        var singles = new float[halves.Length];
        for (var i = 0; i < singles.Length; i++)
            singles[i] = (float)halves[i];
        return singles;
    }

    // A BF16 is the upper half of a Float32.
    private static ReadOnlySpan<float> FromTruncated(ReadOnlySpan<ushort> upperHalves)
    {
        var singles = new float[upperHalves.Length];
        for (var i = 0; i < singles.Length; i++)
            singles[i] = BitConverter.UInt32BitsToSingle((uint)upperHalves[i] << 16);
        return singles;
    }
}
