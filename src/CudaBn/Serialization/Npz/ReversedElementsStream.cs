namespace CudaBn.Serialization;

/// <summary>Elements whose bytes stand in reverse, put right.</summary>
/// <param name="reversed">The elements as they are stored; disposed with this.</param>
/// <param name="elementSize">Bytes of an element, a divisor of 4096.</param>
/// <param name="length">Bytes of all elements.</param>
internal sealed class ReversedElementsStream(Stream reversed, int elementSize, long length) : ReadOnlyStream
{
    private readonly byte[] _piece = new byte[4096];
    private long _rest = length;
    private int _begin;
    private int _end;

    public override int Read(Span<byte> buffer)
    {
        if (_begin == _end)
            Fill();
        var count = Math.Min(buffer.Length, _end - _begin);
        _piece.AsSpan(_begin, count).CopyTo(buffer);
        _begin += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            reversed.Dispose();
        base.Dispose(disposing);
    }

    private void Fill()
    {
        (_begin, _end) = (0, (int)Math.Min(_piece.Length, _rest));
        _rest -= _end;
        reversed.ReadExactly(_piece.AsSpan(0, _end));
        for (var at = 0; at < _end; at += elementSize)
            _piece.AsSpan(at, elementSize).Reverse();
    }
}
