namespace CudaBn.Cli;

/// <summary>Scales a plane of bytes until it covers a size, and takes the middle: in one go, by a triangle filter that widens
/// as the plane shrinks, so that every pixel counts (as Pillow's BILINEAR and torchvision's antialiased Resize). In whole
/// operations of IEEE 754, the same everywhere.</summary>
internal static class CoveringResize
{
    /// <param name="source">[height, width].</param>
    /// <param name="height">Rows of the source.</param>
    /// <param name="width">Columns of the source.</param>
    /// <param name="destination">[size.Height, size.Width].</param>
    /// <param name="size">What is to be covered.</param>
    public static void Run(ReadOnlySpan<byte> source, int height, int width, Span<byte> destination, Size2d size)
    {
        if ((height, width) == (size.Height, size.Width))
        {
            source.CopyTo(destination);
            return;
        }

        // Pixels of the source per pixel of the result, the same both ways.
        var scale = Math.Min((double)height / size.Height, (double)width / size.Width);
        var rows = Taps.Along(height, size.Height, scale);
        var columns = Taps.Along(width, size.Width, scale);
        // Columns first, of the rows that count.
        var (firstRow, endRow) = (rows[0].First, rows[^1].First + rows[^1].Weights.Length);
        var narrow = new double[(endRow - firstRow) * size.Width];
        for (var row = firstRow; row < endRow; row++)
        {
            for (var column = 0; column < size.Width; column++)
            {
                var taps = columns[column];
                var line = source.Slice((row * width) + taps.First, taps.Weights.Length);
                var sum = 0.0;
                for (var i = 0; i < line.Length; i++)
                    sum += taps.Weights[i] * line[i];
                narrow[((row - firstRow) * size.Width) + column] = sum;
            }
        }

        for (var row = 0; row < size.Height; row++)
        {
            var taps = rows[row];
            for (var column = 0; column < size.Width; column++)
            {
                var sum = 0.0;
                for (var i = 0; i < taps.Weights.Length; i++)
                    sum += taps.Weights[i] * narrow[((taps.First - firstRow + i) * size.Width) + column];
                destination[(row * size.Width) + column] = (byte)Math.Clamp(sum + 0.5, 0, 255);
            }
        }
    }

    /// <summary>The pixels that one pixel of the result is a mean of.</summary>
    private readonly record struct Taps(int First, double[] Weights)
    {
        /// <summary>Of every pixel along an axis. Those of the result lie in the middle of the source.</summary>
        public static Taps[] Along(int source, int size, double scale)
        {
            var reach = Math.Max(scale, 1);
            var margin = (source - (size * scale)) / 2;
            var taps = new Taps[size];
            for (var i = 0; i < size; i++)
            {
                var center = margin + ((i + 0.5) * scale);
                var first = Math.Max(0, (int)Math.Floor(center - reach));
                var end = Math.Min(source, (int)Math.Ceiling(center + reach));
                var weights = new double[end - first];
                for (var k = 0; k < weights.Length; k++)
                    weights[k] = Math.Max(0, 1 - (Math.Abs(first + k + 0.5 - center) / reach));
                var sum = weights.Sum();
                taps[i] = new Taps(first, Array.ConvertAll(weights, weight => weight / sum));
            }

            return taps;
        }
    }
}
