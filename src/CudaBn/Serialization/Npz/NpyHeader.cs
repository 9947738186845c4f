using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace CudaBn.Serialization;

/// <summary>What stands before the elements of a .npy file.</summary>
/// <remarks>The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.</remarks>
/// <param name="DType">The element type in the spelling of safetensors.</param>
/// <param name="IsBigEndian">Whether the bytes of an element stand in reverse.</param>
/// <param name="IsFortranOrder">Whether the first index varies fastest, instead of the last.</param>
/// <param name="Shape">The sizes; none for a scalar.</param>
/// <param name="Length">Bytes of the header: where the elements start.</param>
internal sealed record NpyHeader(
    string DType, bool IsBigEndian, bool IsFortranOrder, ImmutableArray<long> Shape, int Length)
{
    /// <summary>The axes that NumPy's arrays have at most.</summary>
    public const int MostAxes = 64;

    // NumPy's own limit, too.
    private const int LongestText = 10_000;

    // Elements start at a multiple, so that they can be mapped into memory.
    private const int Alignment = 64;

    private static readonly byte[] _magic = [0x93, .. "NUMPY"u8];

    /// <summary>Bytes of the elements.</summary>
    public long ElementsLength => SafeTensorsDType.ByteLength(SafeTensorsDType.Rank(DType), Shape.AsSpan());

    /// <summary>Reads the header at the start of a file.</summary>
    /// <param name="content">Stands at the start; afterwards at the elements.</param>
    /// <param name="place">What messages call the file.</param>
    /// <param name="length">Bytes of the whole file, which the elements must fill.</param>
    /// <exception cref="InvalidDataException">It breaks a rule of the format, or describes no tensor.</exception>
    public static NpyHeader Read(Stream content, string place, long length)
    {
        Span<byte> prefix = stackalloc byte[12];
        if (length < prefix.Length)
            throw BrokenFile.At(place, 0, "the header of a .npy file", $"{length} bytes");
        content.ReadExactly(prefix);
        if (!prefix.StartsWith(_magic))
            throw BrokenFile.At(place, 0, "\\x93NUMPY", $"bytes {Convert.ToHexString(prefix[.._magic.Length])}");
        if (prefix[6] is not (1 or 2 or 3) || prefix[7] != 0)
            throw BrokenFile.At(place, 6, "version 1.0, 2.0 or 3.0", $"{prefix[6]}.{prefix[7]}");

        // Version 1 has two bytes of length, the others four.
        var isFirst = prefix[6] == 1;
        var textLength = isFirst
            ? BinaryPrimitives.ReadUInt16LittleEndian(prefix[8..])
            : BinaryPrimitives.ReadUInt32LittleEndian(prefix[8..]);
        var textAt = isFirst ? 10 : 12;
        if (textLength < 2 || textLength > Math.Min(LongestText, length - textAt))
        {
            throw BrokenFile.At(place, 8, $"a header of 2 to {Math.Min(LongestText, length - textAt)} bytes",
                $"{textLength}");
        }

        var text = new byte[textLength];
        prefix[textAt..].CopyTo(text);
        content.ReadExactly(text.AsSpan(prefix.Length - textAt));
        // Versions 1 and 2 are Latin-1, 3 is UTF-8; that of a tensor is ASCII in all of them.
        var header = new NpyHeaderParser(Encoding.Latin1.GetString(text), place, textAt).Parse();
        if (header.ElementsLength != length - header.Length)
        {
            throw BrokenFile.At(place, header.Length,
                header.ElementsLength < 0
                    ? "elements within 63 bits"
                    : $"{header.ElementsLength} bytes of {header.DType} {BrokenFile.Quote(header.Shape.AsSpan())}",
                header.ElementsLength < 0 ? BrokenFile.Quote(header.Shape.AsSpan()) : $"{length - header.Length}");
        }

        return header;
    }

    /// <summary>The header of little-endian elements in row-major order.</summary>
    /// <param name="description">The type, as <see cref="NpyDType.FromSafeTensors"/> gives it.</param>
    /// <param name="shape">The sizes, at most <see cref="MostAxes"/>.</param>
    public static byte[] Write(string description, ReadOnlySpan<long> shape)
    {
        // A tuple of one has a comma behind it.
        var sizes = string.Join(", ", shape.ToArray()) + (shape.Length == 1 ? "," : "");
        var text = $"{{'descr': '{description}', 'fortran_order': False, 'shape': ({sizes}), }}";
        const int textAt = 10;
        // The text ends with a line feed, behind spaces that fill up.
        var header = new byte[(textAt + text.Length + 1 + Alignment - 1) / Alignment * Alignment];
        header.AsSpan().Fill((byte)' ');
        _magic.CopyTo(header, 0);
        (header[6], header[7]) = (1, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)(header.Length - textAt));
        Encoding.ASCII.GetBytes(text, header.AsSpan(textAt));
        header[^1] = (byte)'\n';
        return header;
    }
}
