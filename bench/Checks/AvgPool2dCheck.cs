using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>Averages over all places of a window, of which those on padding hold zeros, and what they pass back.</summary>
public static class AvgPool2dCheck
{
    public static void Forward(PoolGeometry g, Tensor input, Tensor output)
    {
        using HostValues x = new(input), y = new(output);
        foreach (var index in Check.Samples(y.Count))
        {
            var (rest, column) = Math.DivRem(index, g.OutWidth);
            var (plane, row) = Math.DivRem(rest, g.OutHeight);
            double sum = 0, magnitude = 0;
            for (var i = 0; i < g.WindowHeight; i++)
            {
                for (var j = 0; j < g.WindowWidth; j++)
                {
                    var inRow = row * g.StrideY - g.PaddingY + i;
                    var inColumn = column * g.StrideX - g.PaddingX + j;
                    if (inRow < 0 || inRow >= g.InHeight || inColumn < 0 || inColumn >= g.InWidth)
                        continue;
                    var value = x[(plane * g.InHeight + inRow) * g.InWidth + inColumn];
                    sum += value;
                    magnitude += Math.Abs(value);
                }
            }

            Check.Close("output", index, y[index], sum / Places(g), Check.SumBound(Places(g), magnitude / Places(g)));
        }
    }

    public static void Backward(PoolGeometry g, Tensor gradOutput, Tensor gradInput)
    {
        using HostValues dy = new(gradOutput), dx = new(gradInput);
        foreach (var index in Check.Samples(dx.Count))
        {
            var (rest, column) = Math.DivRem(index, g.InWidth);
            var (plane, row) = Math.DivRem(rest, g.InHeight);
            double sum = 0, magnitude = 0;
            for (var y = 0; y < g.OutHeight; y++)
            {
                for (var x = 0; x < g.OutWidth; x++)
                {
                    var i = row - (y * g.StrideY - g.PaddingY);
                    var j = column - (x * g.StrideX - g.PaddingX);
                    if (i < 0 || i >= g.WindowHeight || j < 0 || j >= g.WindowWidth)
                        continue;
                    var gradient = dy[(plane * g.OutHeight + y) * g.OutWidth + x];
                    sum += gradient;
                    magnitude += Math.Abs(gradient);
                }
            }

            Check.Close("gradInput", index, dx[index], sum / Places(g), Check.SumBound(Places(g), magnitude / Places(g)));
        }
    }

    private static double Places(PoolGeometry g) => (double)g.WindowHeight * g.WindowWidth;
}
