using System.Buffers.Binary;
using System.Text;

namespace CudaBn.Tests.Fuzzing;

/// <summary>Damages files as disks, networks and enemies do.</summary>
internal sealed class FileMutator(Random random)
{
    // The places where signed and unsigned numbers of any width turn over, and what is one beside them.
    private static readonly ulong[] _extremes =
    [
        0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0x7FFF_FFC7, 0x7FFF_FFFF, 0x8000_0000,
        0xFFFF_FFFE, 0xFFFF_FFFF, 0x1_0000_0000, 0x1FFF_FFFF_FFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000,
        0xFFFF_FFFF_FFFF_FFFF,
    ];

    private static readonly string[] _extremeTexts =
    [
        "", "0", "-0", "-1", "1", "00", "1e9", "1e999", "0x10", "2147483647", "2147483648", "4294967295", "4294967296",
        "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
        "99999999999999999999999999999999", "1,1,1,1,1,1,1,1", "1.5", "null", "true", "\"", "[", "{", "]", "}", "(", ")",
    ];

    /// <summary>Changes a file in one to four ways.</summary>
    /// <param name="file">The file; stays as it is.</param>
    /// <param name="other">A file to take pieces of.</param>
    public byte[] Mutate(byte[] file, byte[] other)
    {
        var mutated = (byte[])file.Clone();
        // Mostly one: a second fault is not reached where the first is noticed.
        for (var times = 1 + (random.Next(3) == 0 ? random.Next(4) : 0); times > 0; times--)
            mutated = MutateOnce(mutated, other);
        return mutated;
    }

    private byte[] MutateOnce(byte[] file, byte[] other)
    {
        if (file.Length == 0)
            return [(byte)random.Next(256)];

        var at = Place(file.Length);
        var count = Count(file.Length - at);
        switch (random.Next(12))
        {
            case 0:
                file[at] ^= (byte)(1 << random.Next(8));
                return file;
            case 1:
                file[at] = (byte)random.Next(256);
                return file;
            case 2:
                random.NextBytes(file.AsSpan(at, count));
                return file;
            case 3: // cut short
                return file[..at];
            case 4: // a piece lost
                return [.. file[..at], .. file[(at + count)..]];
            case 5: // a piece twice
                return [.. file[..(at + count)], .. file[at..]];
            case 6: // grown
                return [.. file[..at], .. new byte[random.Next(1, 300)], .. file[at..]];
            case 7: // pieces swapped
            {
                var from = Place(file.Length - count + 1);
                var piece = file.AsSpan(from, count).ToArray();
                file.AsSpan(at, count).CopyTo(file.AsSpan(from, count));
                piece.CopyTo(file, at);
                return file;
            }

            case 8: // spliced with another file
            {
                var from = other.Length == 0 ? 0 : random.Next(other.Length);
                return [.. file[..at], .. other[from..]];
            }

            case 9:
                return WithExtremeText(file);
            default:
                WriteExtreme(file, at);
                return file;
        }
    }

    // Half of the places are where formats have their headers: at the start and at the end.
    private int Place(int length) => random.Next(4) switch
    {
        0 => random.Next(Math.Min(length, 64)),
        1 => length - 1 - random.Next(Math.Min(length, 64)),
        _ => random.Next(length),
    };

    private int Count(int room) => random.Next(1, Math.Min(room, random.Next(8) == 0 ? room : 16) + 1);

    private void WriteExtreme(byte[] file, int at)
    {
        // Now and then a number that fits the file, or just does not.
        var value = random.Next(4) == 0
            ? (ulong)(file.Length + random.Next(-40, 41))
            : _extremes[random.Next(_extremes.Length)] + (ulong)random.Next(-1, 2);
        Span<byte> bytes = stackalloc byte[8];
        if (random.Next(2) == 0)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        else
            BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        var width = 1 << random.Next(4);
        var number = bytes[0] == (byte)value ? bytes[..width] : bytes[^width..];
        number[..Math.Min(width, file.Length - at)].CopyTo(file.AsSpan(at));
    }

    /// <summary>Puts another text in the place of a run of digits.</summary>
    private byte[] WithExtremeText(byte[] file)
    {
        var runs = new List<(int Start, int End)>();
        for (var i = 0; i < file.Length; i++)
        {
            if (!char.IsAsciiDigit((char)file[i]))
                continue;
            var start = i;
            while (i < file.Length && char.IsAsciiDigit((char)file[i]))
                i++;
            runs.Add((start, i));
        }

        if (runs.Count == 0)
            return file;
        var (from, to) = runs[random.Next(runs.Count)];
        var text = Encoding.ASCII.GetBytes(_extremeTexts[random.Next(_extremeTexts.Length)]);
        return [.. file[..from], .. text, .. file[to..]];
    }
}
