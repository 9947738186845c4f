namespace CudaBn.Tests.Reference;

/// <summary>What becomes of an image [c, h, w] of bytes in a batch, step by step as torchvision does it: padded by zeros,
/// cropped, flipped, divided, normalized.</summary>
public static class ReferenceAugmentation
{
    /// <summary>What an image gets in an epoch.</summary>
    /// <returns>Row and column, from 0 to 2 * padding, of the crop's corner in the padded image; whether it is
    /// flipped.</returns>
    public static (int Row, int Column, bool IsFlipped) Draw(int padding, bool flips, ulong seed, int epoch, int image)
    {
        var (row, column, flip, _) = Philox.Block(
            (uint)image, 0x8000_0000, (uint)epoch, 0, (uint)(seed % (1UL << 32)), (uint)(seed / (1UL << 32)));
        var places = 2L * padding + 1;
        return ((int)(row * places / (1L << 32)), (int)(column * places / (1L << 32)), flips && flip % 2 == 1);
    }

    /// <returns>The image [c, h, w] as the batch holds it, in double.</returns>
    public static double[] Apply(
        ReadOnlySpan<byte> image, int c, int h, int w, int padding, (int Row, int Column, bool IsFlipped) place,
        double divisor, IReadOnlyList<double>? means, IReadOnlyList<double>? stds)
    {
        var padded = new byte[c, h + 2 * padding, w + 2 * padding];
        for (var channel = 0; channel < c; channel++)
        for (var row = 0; row < h; row++)
        for (var column = 0; column < w; column++)
            padded[channel, padding + row, padding + column] = image[(channel * h + row) * w + column];

        var result = new double[c * h * w];
        for (var channel = 0; channel < c; channel++)
        for (var row = 0; row < h; row++)
        for (var column = 0; column < w; column++)
        {
            var cropColumn = place.IsFlipped ? w - 1 - column : column;
            var value = padded[channel, place.Row + row, place.Column + cropColumn] / divisor;
            if (means is not null)
                value = (value - means[channel]) / stds![channel];
            result[(channel * h + row) * w + column] = value;
        }

        return result;
    }
}
