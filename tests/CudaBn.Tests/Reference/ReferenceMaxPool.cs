namespace CudaBn.Tests.Reference;

/// <summary>
/// Maximum over windows of every plane of x [planes, depth, height, width], row-major. The first maximum in the window's
/// row-major order wins a tie, NaN (the first one) wins over numbers, and padding never wins.
/// </summary>
public static class ReferenceMaxPool
{
    /// <returns>Y [planes, outDepth, outHeight, outWidth] and, for each of its elements, the place of the winner in its
    /// input plane, (slice*height + row)*width + column.</returns>
    public static (double[] Y, int[] Indices) Forward(double[] x, PoolSizes s)
    {
        var (inputs, outputs) = (s.Input, s.Output);
        var y = new double[s.OutputLength];
        var indices = new int[y.Length];
        var at = 0;

        for (var plane = 0; plane < s.Planes; plane++)
        for (var o = 0; o < outputs.Depth; o++)
        for (var p = 0; p < outputs.Height; p++)
        for (var q = 0; q < outputs.Width; q++)
        {
            var winner = -1;
            var best = 0.0;
            for (var t = 0; t < s.Window.Depth; t++)
            for (var u = 0; u < s.Window.Height; u++)
            for (var v = 0; v < s.Window.Width; v++)
            {
                var slice = o * s.Stride.Depth + t - s.Padding.Depth;
                var row = p * s.Stride.Height + u - s.Padding.Height;
                var column = q * s.Stride.Width + v - s.Padding.Width;
                if (slice < 0 || slice >= inputs.Depth || row < 0 || row >= inputs.Height
                    || column < 0 || column >= inputs.Width)
                    continue;

                var place = (slice * inputs.Height + row) * inputs.Width + column;
                var value = x[plane * inputs.Depth * inputs.Height * inputs.Width + place];
                if (winner < 0 || value > best || (double.IsNaN(value) && !double.IsNaN(best)))
                {
                    best = value;
                    winner = place;
                }
            }

            if (winner < 0)
                throw new ArgumentException($"the window at output ({o}, {p}, {q}) holds nothing but padding");

            y[at] = best;
            indices[at++] = winner;
        }

        return (y, indices);
    }

    /// <summary>Routes every output's gradient to its winner; a winner of several windows gets their sum.</summary>
    public static double[] Backward(double[] gradOutput, int[] indices, PoolSizes s)
    {
        var gradInput = new double[s.InputLength];
        for (var at = 0; at < gradOutput.Length; at++)
        {
            var plane = at / (s.OutputLength / s.Planes);
            gradInput[plane * (s.InputLength / s.Planes) + indices[at]] += gradOutput[at];
        }

        return gradInput;
    }
}
