namespace CudaBn.Serialization;

/// <summary>One array in a .npz file.</summary>
/// <param name="Entry">What readers see of it.</param>
/// <param name="Member">Where it is in the archive.</param>
/// <param name="Header">How it is stored.</param>
internal sealed record NpzArray(TensorEntry Entry, ZipMember Member, NpyHeader Header)
{
    private const int PieceLength = 4096;

    // A block of rows has at most so many times the bytes of the member in the archive: numbers that were learnt are
    // compressed less, and take one block. Deflate gains a thousandfold at most, which makes 65.
    private const long BlockRatio = 16;
    private const long LeastBlock = 1 << 16;

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

    private TransposedElementsStream OpenTransposed(FileBytes file)
    {
        // A stored member has the bytes that it promises; what a deflated one has is seen only once it is read.
        if (Member.IsDeflated)
        {
            using var content = Member.Open(file);
            Skip(content, Member.Length);
        }

        var block = Math.Min(Math.Max(LeastBlock, BlockRatio * Member.CompressedLength), Array.MaxLength);
        return new TransposedElementsStream(
            () => OpenAsStored(file), Header.Shape, ElementSize, (int)Math.Min(Entry.Length, block));
    }

    private static void Skip(Stream content, long count)
    {
        Span<byte> piece = stackalloc byte[PieceLength];
        for (; count > 0; count -= Math.Min(count, piece.Length))
            content.ReadExactly(piece[..(int)Math.Min(count, piece.Length)]);
    }
}
