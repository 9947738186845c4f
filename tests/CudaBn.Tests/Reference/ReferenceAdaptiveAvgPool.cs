namespace CudaBn.Tests.Reference;

/// <summary>
/// Average pooling of every plane of x [planes, depth, height, width] to an output of a given size: window o of an axis
/// holds the inputs i that overlap it when both axes are stretched to the same length, that is those with
/// (i + 1) * outputs > o * inputs and i * outputs &lt; (o + 1) * inputs.
/// </summary>
public static class ReferenceAdaptiveAvgPool
{
    /// <param name="x">The input.</param>
    /// <param name="planes">Its planes.</param>
    /// <param name="from">Their size.</param>
    /// <param name="to">The size of the output's.</param>
    /// <param name="divides">Whether sums are divided.</param>
    public static double[] Forward(double[] x, int planes, Size3d from, Size3d to, bool divides = true)
    {
        var y = new double[planes * to.Depth * to.Height * to.Width];
        foreach (var (output, inputs) in Windows(planes, from, to))
        {
            foreach (var input in inputs)
                y[output] += x[input];
            if (divides)
                y[output] /= inputs.Count;
        }

        return y;
    }

    public static double[] Backward(double[] gradOutput, int planes, Size3d from, Size3d to, bool divides = true)
    {
        var gradInput = new double[planes * from.Depth * from.Height * from.Width];
        foreach (var (output, inputs) in Windows(planes, from, to))
        {
            foreach (var input in inputs)
                gradInput[input] += gradOutput[output] / (divides ? inputs.Count : 1);
        }

        return gradInput;
    }

    private static IEnumerable<(int Output, List<int> Inputs)> Windows(int planes, Size3d from, Size3d to)
    {
        var output = 0;
        for (var plane = 0; plane < planes; plane++)
        for (var o = 0; o < to.Depth; o++)
        for (var p = 0; p < to.Height; p++)
        for (var q = 0; q < to.Width; q++)
        {
            var inputs = new List<int>();
            for (var slice = 0; slice < from.Depth; slice++)
            for (var row = 0; row < from.Height; row++)
            for (var column = 0; column < from.Width; column++)
            {
                if (Overlap(slice, from.Depth, o, to.Depth) && Overlap(row, from.Height, p, to.Height)
                    && Overlap(column, from.Width, q, to.Width))
                    inputs.Add(((plane * from.Depth + slice) * from.Height + row) * from.Width + column);
            }

            yield return (output++, inputs);
        }
    }

    private static bool Overlap(int input, int inputs, int output, int outputs) =>
        (input + 1) * outputs > output * inputs && input * outputs < (output + 1) * inputs;
}
