namespace CudaBn.Tests.Reference;

/// <summary>
/// Maximum over windows of every plane of x [n, c, h, w], row-major. The first maximum in the window's row-major order
/// wins a tie, NaN (the first one) wins over numbers, and padding never wins.
/// </summary>
public static class ReferenceMaxPool2d
{
    public static int OutputSize(int input, int window, int stride, int padding)
    {
        var room = input + 2 * padding - window;
        return room < 0
            ? throw new ArgumentException($"a window of {window} does not fit {input} padded by {padding}")
            : room / stride + 1;
    }

    /// <returns>Y [n, c, outH, outW] and, for each of its elements, the place of the winner in its input plane,
    /// row*w + column.</returns>
    public static (double[] Y, int[] Indices) Forward(
        double[] x, int n, int c, int h, int w,
        int windowH, int windowW, int strideH, int strideW, int padH, int padW)
    {
        var outH = OutputSize(h, windowH, strideH, padH);
        var outW = OutputSize(w, windowW, strideW, padW);
        var y = new double[n * c * outH * outW];
        var indices = new int[y.Length];

        for (var plane = 0; plane < n * c; plane++)
        for (var p = 0; p < outH; p++)
        for (var q = 0; q < outW; q++)
        {
            var winner = -1;
            var best = 0.0;
            for (var r = 0; r < windowH; r++)
            for (var s = 0; s < windowW; s++)
            {
                var row = p * strideH + r - padH;
                var column = q * strideW + s - padW;
                if (row < 0 || row >= h || column < 0 || column >= w)
                    continue;

                var value = x[(plane * h + row) * w + column];
                if (winner < 0 || value > best || (double.IsNaN(value) && !double.IsNaN(best)))
                {
                    best = value;
                    winner = row * w + column;
                }
            }

            if (winner < 0)
                throw new ArgumentException($"the window at output ({p}, {q}) holds nothing but padding");

            y[(plane * outH + p) * outW + q] = best;
            indices[(plane * outH + p) * outW + q] = winner;
        }

        return (y, indices);
    }

    /// <summary>Routes every output's gradient to its winner; a winner of several windows gets their sum.</summary>
    public static double[] Backward(double[] gradOutput, int[] indices, int n, int c, int h, int w, int outH, int outW)
    {
        var gradInput = new double[n * c * h * w];
        for (var plane = 0; plane < n * c; plane++)
        for (var at = plane * outH * outW; at < (plane + 1) * outH * outW; at++)
            gradInput[plane * h * w + indices[at]] += gradOutput[at];
        return gradInput;
    }
}
