using System.Buffers.Binary;
using System.Text;

namespace CudaBn.Serialization;

/// <summary>
/// Reads the directory of a zip archive and checks it against the file: every member lies within it, none overlaps
/// another, and none promises more than its bytes can hold.
/// </summary>
/// <remarks>The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT. The archives of System.IO.Compression
/// check neither sums nor overlaps, and do not say where a fault is.</remarks>
internal sealed class ZipDirectory
{
    private const uint LocalHeader = 0x04034B50;
    private const uint DirectoryHeader = 0x02014B50;
    private const uint EndRecord = 0x06054B50;
    private const uint Zip64EndRecord = 0x06064B50;
    private const uint Zip64Locator = 0x07064B50;

    private const int LocalHeaderLength = 30;
    private const int DirectoryHeaderLength = 46;
    private const int EndRecordLength = 22;
    private const int Zip64EndRecordLength = 56;
    private const int Zip64LocatorLength = 20;

    private const ushort Zip64Field = 1;
    private const ushort Stored = 0;
    private const ushort Deflated = 8;

    // Encrypted, patched, strongly encrypted, masked.
    private const ushort RefusedFlags = 0x2061;
    private const ushort Utf8Flag = 0x0800;

    // A match of 258 bytes takes two bits at least.
    private const long GreatestRatio = 1032;

    private static readonly UTF8Encoding _strictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly FileBytes _file;

    // Where members must end.
    private long _start;

    private ZipDirectory(FileBytes file) => _file = file;

    /// <summary>Reads the members in the order of the directory, and the archive's comment.</summary>
    /// <exception cref="InvalidDataException">The file is no sound archive.</exception>
    public static (IReadOnlyList<ZipMember> Members, byte[] Comment) Read(FileBytes file) => new ZipDirectory(file).Read();

    private (IReadOnlyList<ZipMember> Members, byte[] Comment) Read()
    {
        var (endAt, end) = FindEndRecord();
        var (count, start, length, directoryEnd) = DirectoryPlace(endAt, end);
        if (start > directoryEnd || length != directoryEnd - start)
        {
            throw Fault(endAt, $"a directory that ends at {directoryEnd}, where its end record begins",
                $"one of {length} bytes at {start}");
        }

        // No longer than the file.
        var directory = new byte[length];
        _start = (long)start;
        _file.Read(_start, directory);
        var members = ReadMembers(directory, count);
        RequireApart(members);
        return (members, end[EndRecordLength..]);
    }

    private (long At, byte[] Record) FindEndRecord()
    {
        // The record ends with a comment of up to 65,535 bytes, and the file with the record.
        var tail = new byte[Math.Min(_file.Length, EndRecordLength + ushort.MaxValue)];
        var tailAt = _file.Length - tail.Length;
        _file.Read(tailAt, tail);
        for (var i = tail.Length - EndRecordLength; i >= 0; i--)
        {
            if (UInt32(tail, i) == EndRecord && UInt16(tail, i + 20) == tail.Length - i - EndRecordLength)
                return (tailAt + i, tail[i..]);
        }

        throw Fault(_file.Length, "an end record of a zip archive before the end of the file", "none");
    }

    private (ulong Count, ulong Start, ulong Length, ulong End) DirectoryPlace(long endAt, byte[] end)
    {
        if (UInt16(end, 4) is not (0 or ushort.MaxValue) || UInt16(end, 6) is not (0 or ushort.MaxValue))
            throw Fault(endAt + 4, "an archive in one part", $"part {UInt16(end, 4)}");
        if (UInt16(end, 8) != UInt16(end, 10))
            throw Fault(endAt + 8, $"all {UInt16(end, 10)} members in this part", $"{UInt16(end, 8)}");

        var locatorAt = endAt - Zip64LocatorLength;
        Span<byte> locator = stackalloc byte[Zip64LocatorLength];
        if (locatorAt < 0 || !HasZip64Locator(locatorAt, locator))
            return (UInt16(end, 10), UInt32(end, 16), UInt32(end, 12), (ulong)endAt);

        var recordAt = BinaryPrimitives.ReadUInt64LittleEndian(locator[8..]);
        if (recordAt > (ulong)Math.Max(0, locatorAt - Zip64EndRecordLength))
            throw Fault(locatorAt + 8, $"a zip64 end record before {locatorAt}", $"{recordAt}");
        Span<byte> record = stackalloc byte[Zip64EndRecordLength];
        _file.Read((long)recordAt, record);
        if (BinaryPrimitives.ReadUInt32LittleEndian(record) != Zip64EndRecord)
        {
            throw Fault((long)recordAt, $"the signature {Zip64EndRecord:X8} of a zip64 end record",
                $"{BinaryPrimitives.ReadUInt32LittleEndian(record):X8}");
        }

        return (BinaryPrimitives.ReadUInt64LittleEndian(record[32..]), BinaryPrimitives.ReadUInt64LittleEndian(record[48..]),
            BinaryPrimitives.ReadUInt64LittleEndian(record[40..]), recordAt);
    }

    private bool HasZip64Locator(long at, Span<byte> locator)
    {
        _file.Read(at, locator);
        return BinaryPrimitives.ReadUInt32LittleEndian(locator) == Zip64Locator;
    }

    private List<ZipMember> ReadMembers(byte[] directory, ulong count)
    {
        var members = new List<ZipMember>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var at = 0;
        while (at < directory.Length)
        {
            var memberAt = _start + at;
            if (directory.Length - at < DirectoryHeaderLength || UInt32(directory, at) != DirectoryHeader)
                throw Fault(memberAt, $"{count} entries of members, and then the end of the directory", "something else");
            var header = directory.AsSpan(at);
            var length = DirectoryHeaderLength + UInt16(header, 28) + UInt16(header, 30) + UInt16(header, 32);
            if (length > header.Length)
                throw Fault(memberAt, $"an entry within the {header.Length} bytes left", $"{length} bytes");
            var member = ReadMember(header[..length], memberAt);
            if (!names.Add(member.Name))
                throw Fault(memberAt, "every name once", $"{BrokenFile.Quote(member.Name)} again");
            members.Add(member);
            at += length;
        }

        return (ulong)members.Count == count
            ? members
            : throw Fault(_start, $"{count} members, as the end record says", $"{members.Count}");
    }

    private ZipMember ReadMember(ReadOnlySpan<byte> header, long at)
    {
        var nameBytes = header.Slice(DirectoryHeaderLength, UInt16(header, 28));
        var name = ReadName(nameBytes, isUtf8: (UInt16(header, 8) & Utf8Flag) != 0, at);
        var quoted = BrokenFile.Quote(name);
        if ((UInt16(header, 8) & RefusedFlags) != 0)
            throw Fault(at + 8, $"{quoted} neither encrypted nor patched", $"flags {UInt16(header, 8):X4}");
        var method = UInt16(header, 10);
        if (method is not (Stored or Deflated))
            throw Fault(at + 10, $"{quoted} stored or deflated, method 0 or 8", $"method {method}");

        var (length, compressedLength, headerAt) = ReadSizes(header, nameBytes.Length, at);
        if (length > long.MaxValue || compressedLength > (ulong)_start || headerAt > (ulong)_start - compressedLength)
        {
            throw Fault(at, $"{quoted} within the {_start} bytes before the directory",
                $"{compressedLength} bytes that become {length}, at {headerAt}");
        }

        if (method == Stored ? length != compressedLength : length / GreatestRatio > compressedLength)
        {
            throw Fault(at + 24, $"{quoted} of a size that {compressedLength} bytes hold{(method == Stored ? "" : " deflated")}",
                $"{length}");
        }

        return new ZipMember(
            name, method == Deflated, UInt32(header, 16), (long)compressedLength, (long)length, at, (long)headerAt,
            DataAt((long)headerAt, (long)compressedLength, nameBytes, quoted));
    }

    /// <summary>The sizes of a member and its place, from its zip64 field where they do not fit 32 bits.</summary>
    private (ulong Length, ulong CompressedLength, ulong HeaderAt) ReadSizes(ReadOnlySpan<byte> header, int nameLength, long at)
    {
        ulong length = UInt32(header, 24);
        ulong compressedLength = UInt32(header, 20);
        ulong headerAt = UInt32(header, 42);
        var extra = header.Slice(DirectoryHeaderLength + nameLength, UInt16(header, 30));
        while (extra.Length >= 4)
        {
            var fieldLength = UInt16(extra, 2);
            if (fieldLength > extra.Length - 4)
                break;
            var field = extra.Slice(4, fieldLength);
            if (UInt16(extra, 0) == Zip64Field)
            {
                Take(ref field, ref length);
                Take(ref field, ref compressedLength);
                Take(ref field, ref headerAt);
            }

            extra = extra[(4 + fieldLength)..];
        }

        return (length, compressedLength, headerAt);

        void Take(ref ReadOnlySpan<byte> field, ref ulong value)
        {
            if (value != uint.MaxValue)
                return;
            if (field.Length < sizeof(ulong))
                throw Fault(at, "a zip64 field that holds the sizes above 32 bits", "a shorter one");
            value = BinaryPrimitives.ReadUInt64LittleEndian(field);
            field = field[sizeof(ulong)..];
        }
    }

    /// <summary>Where the bytes of a member start: behind its local header, which must be of the same name.</summary>
    private long DataAt(long headerAt, long compressedLength, ReadOnlySpan<byte> name, string quoted)
    {
        Span<byte> header = stackalloc byte[LocalHeaderLength];
        if (headerAt > _start - header.Length)
            throw Fault(headerAt, $"the local header of {quoted}", "the end of the members");
        _file.Read(headerAt, header);
        if (UInt32(header, 0) != LocalHeader)
            throw Fault(headerAt, $"the signature {LocalHeader:X8} of {quoted}'s local header", $"{UInt32(header, 0):X8}");

        var dataAt = headerAt + header.Length + UInt16(header, 26) + UInt16(header, 28);
        if (dataAt > _start - compressedLength)
            throw Fault(headerAt, $"{compressedLength} bytes of {quoted} before {_start}", $"their start at {dataAt}");
        if (UInt16(header, 26) != name.Length || !IsAt(headerAt + header.Length, name))
            throw Fault(headerAt + header.Length, $"the name {quoted}, as in the directory", "another");
        return dataAt;
    }

    private bool IsAt(long offset, ReadOnlySpan<byte> expected)
    {
        Span<byte> piece = stackalloc byte[256];
        while (!expected.IsEmpty)
        {
            var found = piece[..Math.Min(piece.Length, expected.Length)];
            _file.Read(offset, found);
            if (!expected.StartsWith(found))
                return false;
            expected = expected[found.Length..];
            offset += found.Length;
        }

        return true;
    }

    /// <summary>Overlapping members could make a small file expand without end.</summary>
    private void RequireApart(List<ZipMember> members)
    {
        ZipMember? before = null;
        foreach (var member in members.OrderBy(member => member.HeaderAt))
        {
            if (before is not null && before.DataAt + before.CompressedLength > member.HeaderAt)
            {
                throw Fault(member.DirectoryAt,
                    $"{BrokenFile.Quote(member.Name)} behind {BrokenFile.Quote(before.Name)}, which ends at "
                    + $"{before.DataAt + before.CompressedLength}",
                    $"{member.HeaderAt}, an overlap");
            }

            before = member;
        }
    }

    private string ReadName(ReadOnlySpan<byte> bytes, bool isUtf8, long at)
    {
        // Without the flag, a name that is not ASCII is of a code page that the archive does not tell.
        if (!isUtf8 && !Ascii.IsValid(bytes))
            throw Fault(at + DirectoryHeaderLength, "a name in ASCII, or marked as UTF-8", "another");
        try
        {
            return _strictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException fault)
        {
            throw BrokenFile.At(
                _file.Path, at + DirectoryHeaderLength, "a name in UTF-8", "an invalid byte sequence", fault);
        }
    }

    private InvalidDataException Fault(long offset, string expected, string found) =>
        BrokenFile.At(_file.Path, offset, expected, found);

    private static ushort UInt16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint UInt32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
