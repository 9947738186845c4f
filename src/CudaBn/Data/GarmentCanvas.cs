namespace CudaBn;

/// <summary>A grey picture that outlines are filled into with smooth edges.</summary>
internal sealed class GarmentCanvas
{
    public const int Size = 28;

    // A pixel row is cut into this many lines; along a line the coverage is exact.
    private const int LinesPerRow = 4;
    private const double HalfExtent = 13;

    private readonly double[] _grey = new double[Size * Size];
    private readonly double[] _coverage = new double[Size * Size];
    // Where the outline at hand crosses each line.
    private readonly List<double>[] _crossings =
        [.. Enumerable.Range(0, Size * LinesPerRow).Select(_ => new List<double>())];
    private readonly List<(double X, double Y)> _corners = [];

    private double _scaleX;
    private double _scaleY;
    private double _shear;
    private double _slope;
    private double _shiftX;
    private double _shiftY;

    /// <summary>Starts a black picture, and places the garment's coordinates in it.</summary>
    public void Clear(double scaleX, double scaleY, double shear, double slope, double shiftX, double shiftY)
    {
        Array.Clear(_grey);
        (_scaleX, _scaleY, _shear, _slope, _shiftX, _shiftY) = (scaleX, scaleY, shear, slope, shiftX, shiftY);
    }

    /// <summary>Paints an outline in one shade of 0 to 1.</summary>
    public void Fill(GarmentOutline outline, double shade)
    {
        var (start, end) = Cover(outline);
        for (var i = start; i < end; i++)
            _grey[i] += (shade - _grey[i]) * _coverage[i];
    }

    /// <summary>Makes what lies under an outline darker or brighter.</summary>
    public void Tint(GarmentOutline outline, double factor)
    {
        var (start, end) = Cover(outline);
        for (var i = start; i < end; i++)
            _grey[i] *= 1 + (factor - 1) * _coverage[i];
    }

    /// <summary>Multiplies every pixel by what a texture gives for its column and row.</summary>
    public void Weave(Func<int, int, double> texture)
    {
        for (var y = 0; y < Size; y++)
            for (var x = 0; x < Size; x++)
                _grey[y * Size + x] *= texture(x, y);
    }

    /// <summary>Writes the picture as bytes, row-major.</summary>
    public void CopyTo(Span<byte> pixels)
    {
        for (var i = 0; i < _grey.Length; i++)
            pixels[i] = (byte)(Math.Clamp(_grey[i], 0, 1) * 255 + 0.5);
    }

    // Fills in the coverage of the rows that the outline touches, and says which pixels those are.
    private (int Start, int End) Cover(GarmentOutline outline)
    {
        var top = (double)Size;
        var bottom = 0.0;
        _corners.Clear();
        foreach (var (x, y) in outline.Points)
        {
            var row = Size / 2 + _shiftY + HalfExtent * (_scaleY * y + _slope * x);
            _corners.Add((Size / 2 + _shiftX + HalfExtent * (_scaleX * x + _shear * y), row));
            top = Math.Min(top, row);
            bottom = Math.Max(bottom, row);
        }

        var firstRow = (int)Math.Max(top, 0);
        var endRow = Math.Max((int)Math.Min(bottom + 1, Size), firstRow);
        Array.Clear(_coverage, firstRow * Size, (endRow - firstRow) * Size);
        FindCrossings();
        for (var line = firstRow * LinesPerRow; line < endRow * LinesPerRow; line++)
        {
            var crossings = _crossings[line];
            crossings.Sort();
            var row = _coverage.AsSpan(line / LinesPerRow * Size, Size);
            for (var i = 0; i + 1 < crossings.Count; i += 2)
                CoverSpan(row, Math.Clamp(crossings[i], 0, Size), Math.Clamp(crossings[i + 1], 0, Size));
            crossings.Clear();
        }

        return (firstRow * Size, endRow * Size);
    }

    private void FindCrossings()
    {
        var from = _corners[^1];
        foreach (var to in _corners)
        {
            var (upper, lower) = from.Y < to.Y ? (from, to) : (to, from);
            // A line's height is (line + 1/2) / LinesPerRow; the edge crosses those of [upper, lower).
            var first = LineBelow(upper.Y);
            var end = LineBelow(lower.Y);
            for (var line = first; line < end; line++)
            {
                var y = (line + 0.5) / LinesPerRow;
                _crossings[line].Add(upper.X + (y - upper.Y) * (lower.X - upper.X) / (lower.Y - upper.Y));
            }

            from = to;
        }
    }

    private static int LineBelow(double y) =>
        (int)Math.Clamp(Math.Ceiling(y * LinesPerRow - 0.5), 0, Size * LinesPerRow);

    private static void CoverSpan(Span<double> row, double left, double right)
    {
        for (var x = (int)left; x < Size && x < right; x++)
            row[x] += (Math.Min(right, x + 1) - Math.Max(left, x)) / LinesPerRow;
    }
}
