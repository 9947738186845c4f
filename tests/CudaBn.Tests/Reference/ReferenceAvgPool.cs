namespace CudaBn.Tests.Reference;

/// <summary>
/// Average over windows of every plane of x [planes, depth, height, width], row-major. Padding is 0. The divisor is the
/// number of places of the window that lie in the padded input, or in the input where padding is not counted, or a given
/// number.
/// </summary>
public static class ReferenceAvgPool
{
    public static double[] Forward(double[] x, PoolSizes s, bool countIncludePad, int? divisorOverride = null)
    {
        var y = new double[s.OutputLength];
        foreach (var (output, inputs, divisor) in Windows(s, countIncludePad, divisorOverride))
        {
            foreach (var input in inputs)
                y[output] += x[input];
            y[output] /= divisor;
        }

        return y;
    }

    /// <summary>Every input of a window gets the window's gradient over its divisor; overlapping windows add up.</summary>
    public static double[] Backward(
        double[] gradOutput, PoolSizes s, bool countIncludePad, int? divisorOverride = null)
    {
        var gradInput = new double[s.InputLength];
        foreach (var (output, inputs, divisor) in Windows(s, countIncludePad, divisorOverride))
        {
            foreach (var input in inputs)
                gradInput[input] += gradOutput[output] / divisor;
        }

        return gradInput;
    }

    // Every output with the inputs in its window and its divisor.
    private static IEnumerable<(int Output, List<int> Inputs, double Divisor)> Windows(
        PoolSizes s, bool countIncludePad, int? divisorOverride)
    {
        var output = 0;
        for (var plane = 0; plane < s.Planes; plane++)
        for (var o = 0; o < s.Output.Depth; o++)
        for (var p = 0; p < s.Output.Height; p++)
        for (var q = 0; q < s.Output.Width; q++)
        {
            var inputs = new List<int>();
            var padded = 0;
            for (var t = 0; t < s.Window.Depth; t++)
            for (var u = 0; u < s.Window.Height; u++)
            for (var v = 0; v < s.Window.Width; v++)
            {
                var slice = o * s.Stride.Depth + t - s.Padding.Depth;
                var row = p * s.Stride.Height + u - s.Padding.Height;
                var column = q * s.Stride.Width + v - s.Padding.Width;
                if (slice >= s.Input.Depth + s.Padding.Depth || row >= s.Input.Height + s.Padding.Height
                    || column >= s.Input.Width + s.Padding.Width)
                    continue;
                padded++;
                if (slice < 0 || slice >= s.Input.Depth || row < 0 || row >= s.Input.Height || column < 0
                    || column >= s.Input.Width)
                    continue;
                inputs.Add(((plane * s.Input.Depth + slice) * s.Input.Height + row) * s.Input.Width + column);
            }

            yield return (output++, inputs, divisorOverride ?? (countIncludePad ? padded : inputs.Count));
        }
    }
}
