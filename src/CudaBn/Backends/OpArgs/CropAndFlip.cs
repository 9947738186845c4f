namespace CudaBn.Backends.OpArgs;

/// <summary>Where the pixels of a changed image come from: row r and column c of the crop are row r + Top and column c +
/// Left of the image, or 0 outside it; a flipped crop has its columns in reverse order.</summary>
/// <param name="Top">From -padding to padding.</param>
/// <param name="Left">From -padding to padding.</param>
/// <param name="IsFlipped">Whether the columns are reversed.</param>
public readonly record struct CropAndFlip(int Top, int Left, bool IsFlipped)
{
    // Elements of random tensors count up from block 0: those of images lie where no tensor reaches.
    private const ulong FirstBlock = 1UL << 63;

    /// <summary>What an image gets in an epoch: one block of Philox 4x32-10, whose key is the seed and whose counter holds
    /// the image, the epoch and a mark. Word 0 gives the row, word 1 the column, the lowest bit of word 2 the flip.</summary>
    /// <param name="padding">How far the crop may lie off the image to each side.</param>
    /// <param name="flips">Whether there are mirror images.</param>
    /// <param name="seed">Which random numbers.</param>
    /// <param name="epoch">The epoch, from 0.</param>
    /// <param name="image">The number of the image in its data set.</param>
    /// <returns>The same on every device.</returns>
    public static CropAndFlip Draw(int padding, bool flips, ulong seed, int epoch, int image)
    {
        var block = FirstBlock | (uint)image;
        var (row, column, flip, _) = Philox.Block(
            (uint)block, (uint)(block >> 32), (uint)epoch, 0, (uint)seed, (uint)(seed >> 32));
        return new CropAndFlip(Shift(row, padding), Shift(column, padding), flips && (flip & 1) != 0);
    }

    // Of 2^32 words some shifts get one more than others: a difference that only 10^9 images could show.
    private static int Shift(uint word, int padding) => (int)(((ulong)word * (2 * (uint)padding + 1)) >> 32) - padding;
}
