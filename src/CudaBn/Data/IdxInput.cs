using System.Buffers.Binary;
using System.IO.Compression;

namespace CudaBn;

/// <summary>
/// The bytes of one IDX file, decompressed where they are gzip, and the errors that name a place in them.
/// </summary>
internal sealed class IdxInput : IDisposable
{
    // The first piece taken for content of unproven length, and by how much it grows as the content turns up.
    private const int FirstPiece = 64 * 1024;
    private const int Growth = 4;

    // GZipStream takes a file that lacks some of its last eight bytes, check sum and length, without a word. Padded, a
    // file cut short has a length of at least 0xFF000000, which no array has, while a whole file is read as ever.
    // The padding outlasts the longest block that could swallow it as content, 65,535 bytes, but has an end: a broken
    // name in a gzip header would go on for ever.
    private const byte Padding = 0xFF;
    private const int PaddingLength = 1 << 17;

    private readonly string _name;
    private readonly Stream _file;
    private readonly Stream _bytes;
    private readonly long? _length;
    private long _position;

    public IdxInput(Stream stream, string name)
    {
        _name = name;
        _file = stream;
        if (StartsAsGzip(stream))
        {
            _bytes = new GZipStream(new PaddedStream(stream, Padding, PaddingLength), CompressionMode.Decompress);
        }
        else
        {
            _bytes = stream;
            _length = stream.Length - stream.Position;
        }
    }

    private bool IsGzip => _length is null;

    /// <summary>Reads until the buffer is full or the input ends, and says how much it read.</summary>
    public int Read(Span<byte> buffer)
    {
        try
        {
            var read = _bytes.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            _position += read;
            return read;
        }
        catch (InvalidDataException e) when (IsGzip)
        {
            throw new InvalidDataException(
                $"{Place(_position)}: expected sound gzip data, found corrupt: {e.Message}", e);
        }
    }

    /// <summary>Reads exactly this many bytes, after which the input must end.</summary>
    public byte[] ReadToEnd(int count)
    {
        if (_length is { } length && length - _position != count)
            throw Broken(_position, $"{count} bytes of content, as the header says", $"{length - _position}");

        var content = IsGzip ? ReadGrowing(count) : ReadKnown(count);
        Span<byte> beyond = stackalloc byte[1];
        if (Read(beyond) != 0)
            throw Broken(_position - 1, $"the end after {count} bytes of content", "more");
        if (IsGzip)
            CheckEnd();
        return content;
    }

    public InvalidDataException Broken(long offset, string expected, string found) =>
        new($"{Place(offset)}: expected {expected}, found {found}.");

    public void Dispose()
    {
        if (IsGzip)
            _bytes.Dispose();
    }

    private static bool StartsAsGzip(Stream stream)
    {
        Span<byte> start = stackalloc byte[2];
        var read = stream.ReadAtLeast(start, 2, throwOnEndOfStream: false);
        stream.Seek(-read, SeekOrigin.Current);
        return read == 2 && start is [0x1F, 0x8B];
    }

    private byte[] ReadKnown(int count)
    {
        var content = GC.AllocateUninitializedArray<byte>(count);
        var read = Read(content);
        if (read < count)
            throw Broken(_position, $"{count} bytes of content, as the header says", $"the end after {read}");
        return content;
    }

    // How much a gzip file holds is known only once it is decompressed (the length in its length may lie), so memory
    // follows what has been seen, never what the header promises.
    private byte[] ReadGrowing(int count)
    {
        var content = GC.AllocateUninitializedArray<byte>(Math.Min(count, FirstPiece));
        var have = 0;
        while (true)
        {
            have += Read(content.AsSpan(have));
            if (have < content.Length)
                throw Broken(_position, $"{count} bytes of content, as the header says", $"the end after {have}");
            if (have == count)
                return content;

            var larger = GC.AllocateUninitializedArray<byte>((int)Math.Min(count, (long)content.Length * Growth));
            content.CopyTo(larger, 0);
            content = larger;
        }
    }

    // GZipStream is silent about bytes behind the compressed ones, too. A sound file ends on its content's length.
    private void CheckEnd()
    {
        Span<byte> length = stackalloc byte[4];
        _file.Seek(-length.Length, SeekOrigin.End);
        _file.ReadExactly(length);
        var stated = BinaryPrimitives.ReadUInt32LittleEndian(length);
        if (stated != _position)
            throw new InvalidDataException(
                $"{_name}: offset {_file.Length - length.Length}: expected the gzip data to end here on the length " +
                $"of its content, {_position}, found {stated}.");
    }

    private string Place(long offset) =>
        IsGzip ? $"{_name}: offset {offset} of the decompressed content" : $"{_name}: offset {offset}";
}
