namespace CudaBn.Onnx;

/// <summary>Average pooling to a size along one axis, as a matrix.</summary>
internal static class AdaptiveAverages
{
    /// <summary>[to, from]: in row o, one divided by their number at the inputs from floor(o * from / to) up to
    /// ceil((o + 1) * from / to).</summary>
    public static double[] Matrix(int from, int to)
    {
        var matrix = new double[checked(from * to)];
        for (var row = 0; row < to; row++)
        {
            var start = (int)((long)row * from / to);
            var end = (int)(((long)(row + 1) * from + to - 1) / to);
            matrix.AsSpan(row * from + start, end - start).Fill(1.0 / (end - start));
        }

        return matrix;
    }
}
