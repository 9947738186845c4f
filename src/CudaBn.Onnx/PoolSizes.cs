namespace CudaBn.Onnx;

/// <summary>The windows of a pooling along every axis of space, in lists as ONNX has them.</summary>
internal sealed record PoolSizes(int[] Window, int[] Stride, int[] Padding)
{
    public static PoolSizes Of(MaxPool pool) => pool switch
    {
        MaxPool1d one => new([one.Window], [one.Stride], [one.Padding]),
        MaxPool2d two => new(List(two.Window), List(two.Stride), List(two.Padding)),
        MaxPool3d three => new(List(three.Window), List(three.Stride), List(three.Padding)),
        _ => throw new ArgumentException($"{pool.Label} has no counterpart in ONNX."),
    };

    public static PoolSizes Of(AvgPool pool) => pool switch
    {
        AvgPool1d one => new([one.Window], [one.Stride], [one.Padding]),
        AvgPool2d two => new(List(two.Window), List(two.Stride), List(two.Padding)),
        AvgPool3d three => new(List(three.Window), List(three.Stride), List(three.Padding)),
        _ => throw new ArgumentException($"{pool.Label} has no counterpart in ONNX."),
    };

    /// <summary>Places of a window.</summary>
    public long Places => Window.Aggregate(1L, (product, size) => product * size);

    /// <summary>The padding before every axis, then behind it.</summary>
    public int[] Pads => [.. Padding, .. Padding];

    /// <summary>The padding with which exactly as many windows fit as the output has places: more at an end where the last
    /// window reaches beyond. That is less than a window.</summary>
    public int[] PadsFor(Shape input, Shape output)
    {
        var pads = Pads;
        for (var axis = 0; axis < Window.Length; axis++)
        {
            var beyond = (long)(output[axis + 2] - 1) * Stride[axis] + Window[axis] - Padding[axis] - input[axis + 2];
            pads[Window.Length + axis] = (int)Math.Max(Padding[axis], beyond);
        }

        return pads;
    }

    /// <summary>For every place of the output, the places of a window by those that lie within the padded input: what turns
    /// averages over all into averages over these.</summary>
    public double[] FactorsBeyondPadding(Shape input, Shape output)
    {
        double[] factors = [1];
        for (var axis = 0; axis < Window.Length; axis++)
        {
            var along = new double[output[axis + 2]];
            for (var place = 0; place < along.Length; place++)
            {
                var start = (long)place * Stride[axis] - Padding[axis];
                var end = Math.Min(start + Window[axis], (long)input[axis + 2] + Padding[axis]);
                along[place] = Window[axis] / (double)(end - start);
            }

            factors = [.. factors.SelectMany(factor => along.Select(other => factor * other))];
        }

        return factors;
    }

    private static int[] List(Size2d size) => [size.Height, size.Width];

    private static int[] List(Size3d size) => [size.Depth, size.Height, size.Width];
}
