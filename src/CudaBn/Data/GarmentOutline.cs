namespace CudaBn;

/// <summary>
/// A closed polygon in the garment's own coordinates: x from -1 (left) to 1, y from -1 (top) to 1. Only + - * / and
/// square roots, which every machine rounds alike.
/// </summary>
internal sealed class GarmentOutline
{
    private const int CurveSteps = 6;

    private readonly List<(double X, double Y)> _points = [];

    public IReadOnlyList<(double X, double Y)> Points => _points;

    public GarmentOutline To(double x, double y)
    {
        _points.Add((x, y));
        return this;
    }

    /// <summary>A quadratic Bezier curve from the last point, drawn towards a control point, to (x, y).</summary>
    public GarmentOutline Curve(double controlX, double controlY, double x, double y)
    {
        var (startX, startY) = _points[^1];
        for (var step = 1; step <= CurveSteps; step++)
        {
            var t = (double)step / CurveSteps;
            var u = 1 - t;
            To(u * u * startX + 2 * u * t * controlX + t * t * x, u * u * startY + 2 * u * t * controlY + t * t * y);
        }

        return this;
    }

    /// <summary>Closes the outline with its own mirror image at the vertical axis.</summary>
    public GarmentOutline Mirrored()
    {
        for (var i = _points.Count - 1; i >= 0; i--)
            To(-_points[i].X, _points[i].Y);
        return this;
    }

    /// <summary>This outline mirrored at the vertical axis, apart from it.</summary>
    public GarmentOutline Opposite()
    {
        var opposite = new GarmentOutline();
        foreach (var (x, y) in _points)
            opposite.To(-x, y);
        return opposite;
    }

    public static GarmentOutline Box(double left, double top, double right, double bottom) =>
        new GarmentOutline().To(left, top).To(right, top).To(right, bottom).To(left, bottom);

    /// <summary>A band of the given width along a quadratic Bezier curve.</summary>
    public static GarmentOutline Band(
        double startX, double startY, double controlX, double controlY, double endX, double endY, double width)
    {
        var middle = new GarmentOutline().To(startX, startY).Curve(controlX, controlY, endX, endY)._points;
        var band = new GarmentOutline();
        for (var i = 0; i < middle.Count; i++)
            band.Beside(middle, i, width / 2);
        for (var i = middle.Count - 1; i >= 0; i--)
            band.Beside(middle, i, -width / 2);
        return band;
    }

    private void Beside(List<(double X, double Y)> line, int index, double distance)
    {
        var before = line[index == 0 ? 0 : index - 1];
        var after = line[index == line.Count - 1 ? index : index + 1];
        var dx = after.X - before.X;
        var dy = after.Y - before.Y;
        var length = Math.Sqrt(dx * dx + dy * dy);
        To(line[index].X - dy / length * distance, line[index].Y + dx / length * distance);
    }
}
