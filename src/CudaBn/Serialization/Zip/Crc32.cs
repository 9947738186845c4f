namespace CudaBn.Serialization;

/// <summary>The check sum of zip archives: CRC-32 of ISO 3309, bits reversed.</summary>
internal struct Crc32
{
    private const uint Polynomial = 0xEDB88320;

    private static readonly uint[] _table = MakeTable();

    private uint _notYetInverted = uint.MaxValue;

    public Crc32()
    {
    }

    /// <summary>The check sum of all that was added.</summary>
    public readonly uint Value => ~_notYetInverted;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        var crc = _notYetInverted;
        foreach (var value in bytes)
            crc = _table[(byte)crc ^ value] ^ (crc >> 8);
        _notYetInverted = crc;
    }

    private static uint[] MakeTable()
    {
        var table = new uint[256];
        for (var i = 0u; i < table.Length; i++)
        {
            var remainder = i;
            for (var bit = 0; bit < 8; bit++)
                remainder = (remainder & 1) == 0 ? remainder >> 1 : Polynomial ^ (remainder >> 1);
            table[i] = remainder;
        }

        return table;
    }
}
