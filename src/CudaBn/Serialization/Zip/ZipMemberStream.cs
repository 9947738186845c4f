using System.IO.Compression;

namespace CudaBn.Serialization;

/// <summary>The content of a file in a zip archive. Length and check sum are judged before the last byte is given
/// away.</summary>
internal sealed class ZipMemberStream : ReadOnlyStream
{
    private readonly ZipMember _member;
    private readonly string _place;
    private readonly Stream _content;
    private Crc32 _crc = new();
    private long _position;
    private bool _isJudged;

    public ZipMemberStream(FileBytes file, ZipMember member)
    {
        _member = member;
        _place = member.Place(file);
        var stored = new FileRangeStream(file, member.DataAt, member.CompressedLength);
        _content = member.IsDeflated ? new DeflateStream(stored, CompressionMode.Decompress) : stored;
    }

    /// <exception cref="InvalidDataException">The content is not what the archive says.</exception>
    public override int Read(Span<byte> buffer)
    {
        var rest = _member.Length - _position;
        var wanted = buffer[..(int)Math.Min(buffer.Length, rest)];
        if (wanted.IsEmpty && (rest > 0 || _isJudged))
            return 0;

        var count = wanted.IsEmpty ? 0 : ReadContent(wanted);
        if (count == 0 && !wanted.IsEmpty)
            throw BrokenFile.At(_place, _position, $"{_member.Length} bytes, as the archive says", "their end");
        _crc.Add(wanted[..count]);
        _position += count;
        if (_position == _member.Length)
            Judge();
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _content.Dispose();
        base.Dispose(disposing);
    }

    private void Judge()
    {
        Span<byte> beyond = stackalloc byte[1];
        if (ReadContent(beyond) > 0)
            throw BrokenFile.At(_place, _position, "the end, as the archive says", "more");
        if (_crc.Value != _member.Crc32)
        {
            throw BrokenFile.At(
                _place, _position, $"content of check sum {_member.Crc32:X8} to end here", $"{_crc.Value:X8}");
        }

        _isJudged = true;
    }

    private int ReadContent(Span<byte> buffer)
    {
        try
        {
            return _content.Read(buffer);
        }
        catch (InvalidDataException fault) when (_member.IsDeflated)
        {
            throw BrokenFile.At(_place, _position, "sound deflate data", $"a fault: {fault.Message}", fault);
        }
    }
}
