namespace CudaBn.Serialization;

/// <summary>One array in a .npz file.</summary>
/// <param name="Entry">What readers see of it.</param>
/// <param name="Member">Where it is in the archive.</param>
/// <param name="Header">How it is stored.</param>
internal sealed record NpzArray(TensorEntry Entry, ZipMember Member, NpyHeader Header)
{
    // A multiple of every element's size.
    private const int PieceLength = 4096;

    private int ElementSize => SafeTensorsDType.Size(SafeTensorsDType.Rank(Header.DType));

    // Of arrays with one axis that is longer than 1, both orders are one.
    private bool IsTransposed => Header.IsFortranOrder && Header.Shape.Count(size => size != 1) > 1 && Entry.Length > 0;

    /// <summary>Opens the elements, row-major and little-endian.</summary>
    public Stream Open(FileBytes file) => IsTransposed ? OpenTransposed(file) : OpenAsStored(file);

    private Stream OpenAsStored(FileBytes file)
    {
        var content = Member.Open(file);
        try
        {
            Skip(content, Header.Length);
            return Header.IsBigEndian && ElementSize > 1
                ? new ReversedElementsStream(content, ElementSize, Entry.Length)
                : content;
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    /// <summary>Rows of an array that is stored by columns need all of it in memory.</summary>
    private MemoryStream OpenTransposed(FileBytes file)
    {
        if (Entry.Length > Array.MaxLength)
        {
            throw BrokenFile.At(Member.Place(file), Header.Length, $"at most {Array.MaxLength} bytes in Fortran order",
                $"{Entry.Length}");
        }

        // A stored member has the bytes that it promises; what a deflated one has is seen only once it is read.
        if (Member.IsDeflated)
        {
            using var content = Member.Open(file);
            Skip(content, Member.Length);
        }

        var elements = GC.AllocateUninitializedArray<byte>((int)Entry.Length);
        using var columns = OpenAsStored(file);
        Transpose(columns, elements);
        return new MemoryStream(elements, writable: false);
    }

    private void Transpose(Stream columns, Span<byte> rows)
    {
        var size = ElementSize;
        var shape = Header.Shape;
        var strides = new long[shape.Length];
        var stride = 1L;
        for (var axis = shape.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= shape[axis];
        }

        var index = new long[shape.Length];
        var target = 0L;
        Span<byte> piece = stackalloc byte[PieceLength];
        for (var done = 0; done < rows.Length;)
        {
            var elements = piece[..Math.Min(piece.Length, rows.Length - done)];
            columns.ReadExactly(elements);
            for (var at = 0; at < elements.Length; at += size)
            {
                elements.Slice(at, size).CopyTo(rows[(int)(target * size)..]);
                for (var axis = 0; axis < index.Length; axis++)
                {
                    target += strides[axis];
                    if (++index[axis] < shape[axis])
                        break;
                    target -= strides[axis] * shape[axis];
                    index[axis] = 0;
                }
            }

            done += elements.Length;
        }
    }

    private static void Skip(Stream content, long count)
    {
        Span<byte> piece = stackalloc byte[PieceLength];
        for (; count > 0; count -= Math.Min(count, piece.Length))
            content.ReadExactly(piece[..(int)Math.Min(count, piece.Length)]);
    }
}
