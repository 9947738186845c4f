using System.Runtime.InteropServices;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>The elements of a tensor in a file as numbers, piece by piece.</summary>
internal static class TensorValues
{
    private const int PieceLength = 1 << 16;

    /// <summary>Gives all elements to an action, in double: 64-bit integers above 2^53 are rounded.</summary>
    /// <exception cref="InvalidDataException">The file is broken there.</exception>
    public static void ForEachPiece(ITensorFile file, TensorEntry tensor, Action<ReadOnlySpan<double>> action)
    {
        using var elements = file.OpenElements(tensor);
        var bytes = new byte[PieceLength];
        var values = new double[PieceLength];
        for (var rest = tensor.Length; rest > 0;)
        {
            var piece = bytes.AsSpan(0, (int)Math.Min(rest, bytes.Length));
            elements.ReadExactly(piece);
            action(values.AsSpan(0, Decode(tensor.DType, piece, values)));
            rest -= piece.Length;
        }
    }

    /// <summary>Whether elements of a type can be read as numbers.</summary>
    public static bool CanRead(string dtype) => dtype is "BF16" || NpyDType.FromSafeTensors(dtype) is not null;

    /// <summary>Whether elements are whole numbers.</summary>
    public static bool AreIntegers(string dtype) => dtype[0] is 'I' or 'U' or 'B' && dtype != "BF16";

    /// <summary>Writes little-endian elements as numbers, and says how many.</summary>
    public static int Decode(string dtype, ReadOnlySpan<byte> bytes, Span<double> values) => dtype switch
    {
        "F64" => Convert<double>(bytes, values, value => value),
        "F32" => Convert<float>(bytes, values, value => value),
        "F16" => Convert<Half>(bytes, values, value => (double)value),
        "BF16" => Convert<ushort>(bytes, values, value => BitConverter.UInt32BitsToSingle((uint)value << 16)),
        "I64" => Convert<long>(bytes, values, value => value),
        "I32" => Convert<int>(bytes, values, value => value),
        "I16" => Convert<short>(bytes, values, value => value),
        "I8" => Convert<sbyte>(bytes, values, value => value),
        "U64" => Convert<ulong>(bytes, values, value => value),
        "U32" => Convert<uint>(bytes, values, value => value),
        "U16" => Convert<ushort>(bytes, values, value => value),
        "U8" or "BOOL" => Convert<byte>(bytes, values, value => value),
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "This is no element type."),
    };

    private static int Convert<T>(ReadOnlySpan<byte> bytes, Span<double> values, Func<T, double> toDouble)
        where T : unmanaged
    {
        var elements = MemoryMarshal.Cast<byte, T>(bytes);
        for (var i = 0; i < elements.Length; i++)
            values[i] = toDouble(elements[i]);
        return elements.Length;
    }
}
