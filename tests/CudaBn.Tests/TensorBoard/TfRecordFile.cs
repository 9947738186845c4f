using System.Buffers.Binary;

namespace CudaBn.Tests.TensorBoard;

/// <summary>A reader of TFRecord files, written from the description of the format, that checks both checksums of every
/// record.</summary>
internal static class TfRecordFile
{
    /// <exception cref="InvalidDataException">The file is cut off, or a checksum is wrong.</exception>
    public static List<byte[]> Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var records = new List<byte[]>();
        for (var offset = 0; offset < bytes.Length;)
        {
            if (bytes.Length - offset < 12)
                throw new InvalidDataException($"{path}: offset {offset}: the file ends in a record's length.");
            var head = bytes.AsSpan(offset, 8);
            Require(head, BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset + 8)), path, offset);
            var length = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(head));
            if (bytes.Length - offset - 16 < length)
                throw new InvalidDataException($"{path}: offset {offset}: the file ends in a record of {length} bytes.");
            var data = bytes.AsSpan(offset + 12, length);
            Require(data, BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset + 12 + length)), path, offset);
            records.Add(data.ToArray());
            offset += 16 + length;
        }

        return records;
    }

    /// <summary>CRC-32C, bit by bit: the polynomial 0x1EDC6F41, reflected.</summary>
    public static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var crc = 0xffffffffu;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
        }

        return crc ^ 0xffffffffu;
    }

    /// <summary>The mask of TFRecords: the upper 15 bits and the lower 17 change places, and a constant is added.</summary>
    public static uint Masked(uint crc) => unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u);

    private static void Require(ReadOnlySpan<byte> data, uint found, string path, int offset)
    {
        var expected = Masked(Crc32C(data));
        if (found != expected)
            throw new InvalidDataException(
                $"{path}: offset {offset}: expected the checksum {expected:x8}, found {found:x8}.");
    }
}
