using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>Maxima and what they pass back, exactly.</summary>
public static class MaxPool2dCheck
{
    /// <summary>The first greatest value of each window, and its place there.</summary>
    public static void Forward(PoolGeometry g, Tensor input, Tensor output, Tensor argMax) =>
        Forward(g, input, output, argMax, (value, _) => (value, 0), rectifies: false);

    /// <summary>The same of values that are normalized and rectified first.</summary>
    /// <param name="normalized">Of a value and its plane: the normalized one, and how far rounding may take it.</param>
    public static void NormalizedForward(
        PoolGeometry g, Tensor input, Tensor output, Tensor argMax,
        Func<double, long, (double Value, double Bound)> normalized) =>
        Forward(g, input, output, argMax, normalized, rectifies: true);

    private static void Forward(
        PoolGeometry g, Tensor input, Tensor output, Tensor argMax,
        Func<double, long, (double Value, double Bound)> transform, bool rectifies)
    {
        using HostValues x = new(input), y = new(output), places = new(argMax);
        foreach (var index in Check.Samples(y.Count))
        {
            var (plane, top, left) = Window(g, index);
            double best = double.NegativeInfinity, second = double.NegativeInfinity, bound = 0;
            var place = -1;
            for (var i = 0; i < g.WindowHeight; i++)
            {
                for (var j = 0; j < g.WindowWidth; j++)
                {
                    if (!Inside(g, top + i, left + j))
                        continue;
                    var (value, uncertain) = transform(x[(plane * g.InHeight + top + i) * g.InWidth + left + j], plane);
                    bound = Math.Max(bound, uncertain);
                    if (value > best)
                    {
                        (second, best) = (best, value);
                        place = i * g.WindowWidth + j;
                    }
                    else
                    {
                        second = Math.Max(second, value);
                    }
                }
            }

            Check.Close("output", index, y[index], rectifies ? Math.Max(best, 0) : best, bound);
            if (rectifies && Math.Abs(best) <= bound)
                continue;
            // Values that rounding cannot tell apart may win in any order; exact ones in the order of memory.
            if (bound == 0 || best - second > 2 * bound)
            {
                var expected = rectifies && best < 0 ? BatchNormReLUMaxPoolForwardArgs.Rectified : place;
                Check.Close("argMax", index, places[index], expected, 0);
            }
        }
    }

    /// <summary>Every input gets the gradients of the windows that it won, which add up.</summary>
    public static void Backward(PoolGeometry g, Tensor argMax, Tensor gradOutput, Tensor gradInput)
    {
        using HostValues places = new(argMax), dy = new(gradOutput), dx = new(gradInput);
        foreach (var index in Check.Samples(dx.Count))
        {
            var (rest, column) = Math.DivRem(index, g.InWidth);
            var (plane, row) = Math.DivRem(rest, g.InHeight);
            double sum = 0, magnitude = 0;
            for (long y = 0; y < g.OutHeight; y++)
            {
                var i = row - (y * g.StrideY - g.PaddingY);
                if (i < 0 || i >= g.WindowHeight)
                    continue;
                for (long x = 0; x < g.OutWidth; x++)
                {
                    var j = column - (x * g.StrideX - g.PaddingX);
                    var window = (plane * g.OutHeight + y) * g.OutWidth + x;
                    if (j < 0 || j >= g.WindowWidth || places[window] != i * g.WindowWidth + j)
                        continue;
                    sum += dy[window];
                    magnitude += Math.Abs(dy[window]);
                }
            }

            Check.Close("gradInput", index, dx[index], sum, Check.SumBound(1, magnitude));
        }
    }

    private static (long Plane, long Top, long Left) Window(PoolGeometry g, long index)
    {
        var (rest, column) = Math.DivRem(index, g.OutWidth);
        var (plane, row) = Math.DivRem(rest, g.OutHeight);
        return (plane, row * g.StrideY - g.PaddingY, column * g.StrideX - g.PaddingX);
    }

    private static bool Inside(PoolGeometry g, long row, long column) =>
        row >= 0 && row < g.InHeight && column >= 0 && column < g.InWidth;
}
