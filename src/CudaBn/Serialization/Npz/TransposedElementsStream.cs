using System.Collections.Immutable;

namespace CudaBn.Serialization;

/// <summary>The elements of an array that is stored by columns, row by row: a block of them at a time is kept in memory, and for
/// each block all columns are gone through.</summary>
internal sealed class TransposedElementsStream : ReadOnlyStream
{
    // A multiple of every element's size.
    private const int PieceLength = 4096;

    private readonly Func<Stream> _openColumns;
    private readonly ImmutableArray<long> _shape;
    private readonly long[] _strides;
    private readonly int _elementSize;
    private readonly long _count;
    private readonly byte[] _block;
    private long _next;
    private int _begin;
    private int _end;

    /// <param name="openColumns">Opens the elements as they are stored.</param>
    /// <param name="shape">The sizes of the array.</param>
    /// <param name="elementSize">Bytes of an element, a divisor of 4096.</param>
    /// <param name="blockLength">Bytes of a block, at least one element.</param>
    public TransposedElementsStream(
        Func<Stream> openColumns, ImmutableArray<long> shape, int elementSize, int blockLength)
    {
        (_openColumns, _shape, _elementSize) = (openColumns, shape, elementSize);
        _strides = new long[shape.Length];
        _count = 1;
        for (var axis = shape.Length - 1; axis >= 0; axis--)
        {
            _strides[axis] = _count;
            _count *= shape[axis];
        }

        _block = GC.AllocateUninitializedArray<byte>(blockLength / elementSize * elementSize);
    }

    public override int Read(Span<byte> buffer)
    {
        if (_begin == _end)
            Fill();
        var count = Math.Min(buffer.Length, _end - _begin);
        _block.AsSpan(_begin, count).CopyTo(buffer);
        _begin += count;
        return count;
    }

    private void Fill()
    {
        var elements = (int)Math.Min(_block.Length / _elementSize, _count - _next);
        (_begin, _end) = (0, elements * _elementSize);
        if (elements > 0)
            Gather(_next, elements);
        _next += elements;
    }

    /// <summary>Takes those elements of all columns that belong into the block.</summary>
    /// <param name="first">The first element of the block, counted row by row.</param>
    /// <param name="count">How many it has.</param>
    private void Gather(long first, int count)
    {
        using var columns = _openColumns();
        var index = new long[_shape.Length];
        var target = -first;
        Span<byte> piece = stackalloc byte[PieceLength];
        for (var rest = _count * _elementSize; rest > 0;)
        {
            var stored = piece[..(int)Math.Min(piece.Length, rest)];
            columns.ReadExactly(stored);
            for (var at = 0; at < stored.Length; at += _elementSize)
            {
                if (target >= 0 && target < count)
                    stored.Slice(at, _elementSize).CopyTo(_block.AsSpan((int)target * _elementSize));
                target = Next(index, target);
            }

            rest -= stored.Length;
        }
    }

    // Down a column, and then on to the next.
    private long Next(long[] index, long target)
    {
        for (var axis = 0; axis < index.Length; axis++)
        {
            target += _strides[axis];
            if (++index[axis] < _shape[axis])
                return target;
            target -= _strides[axis] * _shape[axis];
            index[axis] = 0;
        }

        return target;
    }
}
